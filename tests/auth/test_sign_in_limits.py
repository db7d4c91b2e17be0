"""Limits on sign-in: on an account from one address and on an address; an account alone is slowed, never locked."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from portal.pages.auth import sign_in_attempts
from portal.sandbox import seed
from tests.harness.faulty_zype import recording_calls
from tests.harness.inside import outcomes
from tests.harness.page import Page, PageClient
from tests.harness.simulated_zype import SimulatedZype

WRONG_PASSWORD = "wrong"
PAUSED = "Several sign-ins did not work, so they are paused for a while."


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait as long here as those who guess do."""
    monkeypatch.setattr(sign_in_attempts, "SLOW_SECONDS", 0.05)


def sign_in(browser: PageClient, status: int, email: str = seed.ALICE.email, password: str = WRONG_PASSWORD) -> Page:
    return browser.submit(browser.get("/sign-in"), "/sign-in", status, email=email, password=password)


def test_after_ten_failures_an_account_is_paused_at_that_address(
    client: PageClient, app: Flask, sandbox: SimulatedZype
) -> None:
    for _ in range(10):
        sign_in(client, 422)

    with recording_calls(sandbox) as calls:
        page = sign_in(client, 429, password=seed.ALICE.password)

    assert calls == []
    assert PAUSED in page.summary
    assert "You can try again in 15 minutes." in page.summary
    assert int(page.header("Retry-After")) == pytest.approx(900, abs=30)
    assert page.value("#email") == seed.ALICE.email
    assert page.value("#password") == ""
    assert outcomes(app, "sign_in") == ["wrong"] * 10 + ["too_many"]


def test_however_the_e_mail_is_written_it_is_one_account(client: PageClient) -> None:
    for number in range(10):
        email = seed.ALICE.email if number % 2 else seed.ALICE.email.upper()
        sign_in(client, 422, email)

    sign_in(client, 429, f" {seed.ALICE.email} ")


def test_the_pause_ends(client: PageClient) -> None:
    for _ in range(10):
        sign_in(client, 422)

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=15, seconds=1), tick=True):
        sign_in(client, 303, password=seed.ALICE.password)


def test_an_account_is_not_locked_at_another_address(
    app: Flask, client: PageClient, browse: Callable[..., PageClient]
) -> None:
    for _ in range(10):
        sign_in(client, 422)
    sign_in(client, 429)

    sign_in(browse(app, address="192.0.2.7"), 303, password=seed.ALICE.password)


def test_another_account_at_that_address_is_not_paused(client: PageClient) -> None:
    for _ in range(10):
        sign_in(client, 422)

    sign_in(client, 303, seed.MALLORY.email, seed.MALLORY.password)


def test_an_account_that_is_guessed_at_from_everywhere_is_slowed_and_never_locked(
    app: Flask, browse: Callable[..., PageClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        sign_in(browse(app, address=f"192.0.2.{number}"), 422)
    waits: list[float] = []
    monkeypatch.setattr(sign_in_attempts.time, "sleep", waits.append)

    sign_in(browse(app, address="192.0.2.77"), 303, password=seed.ALICE.password)

    assert waits == [sign_in_attempts.SLOW_SECONDS]


def test_those_who_wait_take_no_more_than_four_threads(
    app: Flask, browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    for number in range(10):
        sign_in(browse(app, address=f"192.0.2.{number}"), 422)
    places = sign_in_attempts._slow_slots
    taken = [places.acquire(blocking=False) for _ in range(5)]
    try:
        assert taken == [True] * 4 + [False]
        with recording_calls(sandbox) as calls:
            page = sign_in(browse(app, address="192.0.2.77"), 503)
        assert calls == []
        assert page.header("Retry-After") == "5"
    finally:
        for _ in range(4):
            places.release()


def test_after_ten_times_as_many_failures_the_address_is_paused(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(limit_sign_in="2/15minutes")
    browser = browse(app, address="192.0.2.9")
    for number in range(20):
        sign_in(browser, 422, f"u{number}@example.com")

    page = sign_in(browser, 429, "u20@example.com")

    assert PAUSED in page.summary
    sign_in(browse(app, address="192.0.2.10"), 303, password=seed.ALICE.password)


def test_a_success_does_not_count(make_app: Callable[..., Flask], browse: Callable[..., PageClient]) -> None:
    browser = browse(make_app(limit_sign_in="2/15minutes"))

    for _ in range(4):
        sign_in(browser, 303, password=seed.ALICE.password)


def test_a_login_service_that_fails_does_not_count(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    browser = browse(make_app(limit_sign_in="2/15minutes"))

    for _ in range(4):
        sign_in(browser, 503, "http503@example.com")


@pytest.mark.parametrize(("second", "status"), [("2001:db8::2", 429), ("2001:db8:0:1::1", 422)])
def test_an_ipv6_household_is_one_address(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], second: str, status: int
) -> None:
    app = make_app(limit_sign_in="2/15minutes")
    for _ in range(2):
        sign_in(browse(app, address="2001:db8::1"), 422)

    sign_in(browse(app, address=second), status)
