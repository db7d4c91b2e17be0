"""Limits on the staff's sign-in: a password as a viewer's, and a second factor by its account alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from portal.domain.actors import Role
from portal.ledger.tables import ledger
from portal.pages.auth import sign_in_attempts
from portal.settings.keys import keyring
from tests.conftest import services_of
from tests.harness.cast import Bob
from tests.harness.inside import outcomes, rows
from tests.harness.page import Page, PageClient

PAUSED = "Several sign-ins did not work, so they are paused for a while."
WRONG_PASSWORD = "wrong"
WRONG_CODE = "nocode"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait as long here as those who guess do."""
    monkeypatch.setattr(sign_in_attempts, "SLOW_SECONDS", 0.05)


def sign_in(browser: PageClient, status: int, name: str = "bob", password: str = WRONG_PASSWORD) -> Page:
    return browser.submit(browser.get("/support/sign-in"), "/support/sign-in", status, name=name, password=password)


def test_after_ten_failures_an_account_is_paused_at_that_address(
    bob: Bob, app: Flask, browse: Callable[..., PageClient]
) -> None:
    for number in range(10):
        sign_in(bob.browser, 422, "bob" if number % 2 else " BOB")

    page = sign_in(bob.browser, 429, password=Bob.password)

    assert PAUSED in page.summary
    assert "You can try again in 15 minutes." in page.summary
    assert int(page.header("Retry-After")) == pytest.approx(900, abs=30)
    assert page.value("#name") == "bob"
    assert outcomes(app, "sign_in") == ["wrong"] * 10 + ["too_many"]
    sign_in(browse(app, address="192.0.2.7"), 303, password=Bob.password)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=15, seconds=1), tick=True):
        sign_in(bob.browser, 303, password=Bob.password)


def test_a_name_that_nobody_has_is_paused_alike(app: Flask, client: PageClient) -> None:
    for _ in range(10):
        sign_in(client, 422, "nobody")

    assert PAUSED in sign_in(client, 429, "nobody").summary


def test_a_viewer_and_an_agent_of_the_same_name_are_two(bob: Bob, app: Flask) -> None:
    browser = bob.browser
    for _ in range(10):
        browser.submit(browser.get("/sign-in"), "/sign-in", 422, email="bob", password=WRONG_PASSWORD)
    assert outcomes(app, "sign_in") == ["wrong"] * 10

    sign_in(browser, 303, password=Bob.password)


def test_the_hashes_of_what_is_signed_in_with_differ(bob: Bob) -> None:
    keys = keyring(bob.browser.settings)
    assert len({keys.subject("bob"), keys.staff_subject("bob"), keys.second_factor_subject("bob")}) == 3


def test_an_account_that_is_guessed_at_from_everywhere_is_slowed_and_never_locked(
    bob: Bob, app: Flask, browse: Callable[..., PageClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        sign_in(browse(app, address=f"192.0.2.{number}"), 422)
    waits: list[float] = []
    monkeypatch.setattr(sign_in_attempts.time, "sleep", waits.append)

    sign_in(browse(app, address="192.0.2.77"), 303, password=Bob.password)

    assert waits == [sign_in_attempts.SLOW_SECONDS]


def test_those_who_wait_take_no_more_than_four_threads(bob: Bob, app: Flask, browse: Callable[..., PageClient]) -> None:
    for number in range(10):
        sign_in(browse(app, address=f"192.0.2.{number}"), 422)
    places = sign_in_attempts._slow_slots
    taken = [places.acquire(blocking=False) for _ in range(5)]
    try:
        assert taken == [True] * 4 + [False]
        page = sign_in(browse(app, address="192.0.2.77"), 503, password=Bob.password)
        assert page.header("Retry-After") == "5"
        assert "Signing in does not work right now" in page.summary
    finally:
        for _ in range(4):
            places.release()
    assert outcomes(app, "sign_in")[-1] == "unavailable"


def test_after_ten_wrong_codes_the_second_factor_is_paused_from_wherever(
    bob: Bob, app: Flask, browse: Callable[..., PageClient]
) -> None:
    for number in range(10):
        Bob(browse(app, address=f"192.0.2.{number}")).gives_password().gives_code(WRONG_CODE, 422)
    bob.gives_password()

    page = bob.gives_code(status=429).page

    assert PAUSED in page.summary
    assert int(page.header("Retry-After")) == pytest.approx(900, abs=30)
    assert page.value("#code") == ""
    bob.browser.get("/support/account", 303)
    assert {row["actor_id"] for row in rows(app, ledger)} == {"bob"}


def test_wrong_passwords_do_not_lock_the_second_factor(bob: Bob, browse: Callable[..., PageClient], app: Flask) -> None:
    for number in range(10):
        sign_in(browse(app, address=f"192.0.2.{number}"), 422)

    bob.opens("/support/sign-in?next=/support/account").signs_in()


def test_wrong_first_codes_are_limited_too(make_app: Callable[..., Flask], browse: Callable[..., PageClient]) -> None:
    app = make_app(limit_sign_in="2/15minutes")
    services_of(app).agents.add("newcomer", Role.AGENT, Bob.password)
    browser = browse(app)
    sign_in(browser, 303, "newcomer", Bob.password)
    page = browser.get("/support/sign-in/enrol")
    for _ in range(2):
        page = browser.submit(page, "/support/sign-in/enrol", 422, code=WRONG_CODE)

    assert PAUSED in browser.submit(page, "/support/sign-in/enrol", 429, code=WRONG_CODE).summary


def test_a_success_does_not_count(make_app: Callable[..., Flask], browse: Callable[..., PageClient]) -> None:
    app = make_app(limit_sign_in="2/15minutes")
    bob = Bob(browse(app)).is_hired(services_of(app))

    for _ in range(4):
        sign_in(bob.browser, 303, password=Bob.password)
