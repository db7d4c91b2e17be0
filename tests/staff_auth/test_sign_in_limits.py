"""Limits on the staff's sign-in: a password as a viewer's, and a second factor by its account alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from portal.domain.actors import Actor, ActorKind, Role
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger import delays
from portal.ledger.attempts import Attempt
from portal.ledger.tables import ledger
from portal.settings.keys import keyring
from tests.fixtures import services_of
from tests.harness.accounts import add_account
from tests.harness.internals import outcomes, rows
from tests.harness.page import Page, PageClient
from tests.harness.people import Bob
from tests.harness.slow_sign_ins import all_places, record_waits, waiting

PAUSED = "Several sign-ins did not work, so they are paused for a while."
WRONG_PASSWORD = "wrong"
WRONG_CODE = "nocode"


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A low limit, which few requests reach."""
    return environ | {"PORTAL_LIMIT_SIGN_IN": "2/15minutes"}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that slowed sign-ins would have waited."""
    return record_waits(monkeypatch)


@pytest.fixture
def guessed_at(bob: Bob, app: Flask, browse: Callable[..., PageClient]) -> Bob:
    """Bob, whose password was guessed at from other addresses until the limit of his account was reached."""
    for number in range(2):
        sign_in(browse(app, address=f"192.0.2.{number}"), 422)
    return bob


def sign_in(browser: PageClient, status: int, name: str = "bob", password: str = WRONG_PASSWORD) -> Page:
    return browser.submit(browser.get("/support/sign-in"), "/support/sign-in", status, name=name, password=password)


def test_after_too_many_failures_an_account_is_paused_at_that_address(
    bob: Bob, app: Flask, browse: Callable[..., PageClient]
) -> None:
    sign_in(bob.browser, 422)
    sign_in(bob.browser, 422, " BOB")

    page = sign_in(bob.browser, 429, password=Bob.password)

    assert PAUSED in page.summary
    assert "You can try again in 15 minutes." in page.summary
    assert int(page.header("Retry-After")) == pytest.approx(900, abs=30)
    assert page.value("#name") == "bob"
    assert outcomes(app, "sign_in") == ["wrong", "wrong", "too_many"]
    sign_in(browse(app, address="192.0.2.7"), 303, password=Bob.password)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=15, seconds=1), tick=True):
        sign_in(bob.browser, 303, password=Bob.password)


def test_an_unknown_name_is_paused_like_a_known_one(client: PageClient) -> None:
    for _ in range(2):
        sign_in(client, 422, "nobody")

    assert PAUSED in sign_in(client, 429, "nobody").summary


def test_a_viewer_and_an_agent_of_the_same_name_have_limits_of_their_own(bob: Bob, app: Flask) -> None:
    ledger_of_app = services_of(app).ledger
    viewer = Actor(ActorKind.VIEWER, "", "127.0.0.1", "request-1")
    for _ in range(2):
        attempt = Attempt(Action.SIGN_IN, viewer, subject_hash=ledger_of_app.keyring.subject("bob"))
        ledger_of_app.record(attempt, SignInOutcome.WRONG)

    sign_in(bob.browser, 303, password=Bob.password)


def test_the_hashes_of_viewer_agent_and_second_factor_differ(client: PageClient) -> None:
    keys = keyring(client.settings)
    assert len({keys.subject("bob"), keys.staff_subject("bob"), keys.second_factor_subject("bob")}) == 3


def test_an_account_with_failures_from_many_addresses_is_slowed_and_never_locked(
    guessed_at: Bob, waits: list[float]
) -> None:
    waits.clear()

    sign_in(guessed_at.browser, 303, password=Bob.password)

    assert waits == [delays.SECONDS]


def test_without_a_place_to_wait_an_agent_is_asked_to_come_back(guessed_at: Bob, app: Flask) -> None:
    with waiting(app, ActorKind.AGENT, *all_places(app)):
        page = sign_in(guessed_at.browser, 503, password=Bob.password)

    assert page.header("Retry-After") == "5"
    assert "Signing in does not work right now" in page.summary
    assert outcomes(app, "sign_in")[-1] == "busy"


def test_viewers_who_wait_keep_no_agent_out(guessed_at: Bob, app: Flask, waits: list[float]) -> None:
    waits.clear()
    with waiting(app, ActorKind.VIEWER, *all_places(app)):
        sign_in(guessed_at.browser, 303, password=Bob.password)

    assert waits == [delays.SECONDS]
    # From now on this address is known.
    sign_in(guessed_at.browser, 303, password=Bob.password)
    assert waits == [delays.SECONDS]


def test_after_too_many_wrong_codes_the_second_factor_is_paused_at_every_address(
    bob: Bob, app: Flask, browse: Callable[..., PageClient]
) -> None:
    for number in range(2):
        Bob(browse(app, address=f"192.0.2.{number}")).gives_password().gives_code(WRONG_CODE, 422)
    bob.gives_password()

    page = bob.gives_code(status=429).page

    assert PAUSED in page.summary
    assert int(page.header("Retry-After")) == pytest.approx(900, abs=30)
    assert page.value("#code") == ""
    bob.browser.get("/support/account", 303)
    assert {row["actor_id"] for row in rows(app, ledger)} == {"bob"}


def test_wrong_passwords_do_not_lock_the_second_factor(guessed_at: Bob) -> None:
    guessed_at.opens("/support/sign-in?next=/support/account").signs_in()


def test_wrong_codes_of_an_enrolment_are_limited_too(app: Flask, client: PageClient) -> None:
    add_account(services_of(app), "newcomer", Role.AGENT, Bob.password)
    sign_in(client, 303, "newcomer", Bob.password)
    page = client.get("/support/sign-in/enrol")
    for _ in range(2):
        page = client.submit(page, "/support/sign-in/enrol", 422, code=WRONG_CODE)

    assert PAUSED in client.submit(page, "/support/sign-in/enrol", 429, code=WRONG_CODE).summary


def test_a_success_does_not_count(bob: Bob) -> None:
    for _ in range(4):
        sign_in(bob.browser, 303, password=Bob.password)
