"""Limits on sign-in: on an account from one address and on an address; an account alone is slowed, never locked."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger import delays
from portal.ledger.attempts import Attempt
from portal.sandbox import seed
from portal.zype.breaker import FAILURES_TO_OPEN
from tests.fixtures import services_of
from tests.harness.faulty_zype import recording_calls
from tests.harness.internals import outcomes
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.slow_sign_ins import all_places, record_waits, waiting

WRONG_PASSWORD = "wrong"
PAUSED = "Several sign-ins did not work, so they are paused for a while."


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A low limit, which few requests reach."""
    return environ | {"PORTAL_LIMIT_SIGN_IN": "2/15minutes"}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that slowed sign-ins would have waited."""
    return record_waits(monkeypatch)


@pytest.fixture
def paused(client: PageClient) -> PageClient:
    """A browser at whose address Alice's account has as many failures as the limit allows."""
    for _ in range(2):
        sign_in(client, 422)
    return client


@pytest.fixture
def stranger(app: Flask, browse: Callable[..., PageClient]) -> PageClient:
    """A browser at an address without failures, after as many from other addresses as the limit allows."""
    for number in range(2):
        sign_in(browse(app, address=f"192.0.2.{number}"), 422)
    return browse(app, address="192.0.2.77")


def sign_in(browser: PageClient, status: int, email: str = seed.ALICE.email, password: str = WRONG_PASSWORD) -> Page:
    return browser.submit(browser.get("/sign-in"), "/sign-in", status, email=email, password=password)


def test_after_ten_failures_an_account_is_paused_at_that_address(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    app = make_app(limit_sign_in="10/15minutes")
    browser = browse(app)
    for _ in range(10):
        sign_in(browser, 422)

    with recording_calls(sandbox) as calls:
        page = sign_in(browser, 429, password=seed.ALICE.password)

    assert calls == []
    assert PAUSED in page.summary
    assert "You can try again in 15 minutes." in page.summary
    assert int(page.header("Retry-After")) == pytest.approx(900, abs=30)
    assert page.value("#email") == seed.ALICE.email
    assert page.value("#password") == ""
    assert outcomes(app, "sign_in") == ["wrong"] * 10 + ["too_many"]


def test_every_spelling_of_an_e_mail_address_is_one_account(client: PageClient) -> None:
    sign_in(client, 422)
    sign_in(client, 422, seed.ALICE.email.upper())

    sign_in(client, 429, f" {seed.ALICE.email} ")


def test_the_pause_ends(paused: PageClient) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=15, seconds=1), tick=True):
        sign_in(paused, 303, password=seed.ALICE.password)


def test_an_account_is_not_locked_at_another_address(
    app: Flask, paused: PageClient, browse: Callable[..., PageClient]
) -> None:
    sign_in(paused, 429)

    sign_in(browse(app, address="192.0.2.7"), 303, password=seed.ALICE.password)


def test_another_account_at_that_address_is_not_paused(paused: PageClient) -> None:
    sign_in(paused, 303, seed.MALLORY.email, seed.MALLORY.password)


def test_an_account_with_failures_from_many_addresses_is_slowed_and_never_locked(
    stranger: PageClient, waits: list[float]
) -> None:
    waits.clear()

    sign_in(stranger, 303, password=seed.ALICE.password)

    assert waits == [delays.SECONDS]


def test_as_many_failures_as_the_limit_allows_slow_nobody(
    app: Flask, browse: Callable[..., PageClient], waits: list[float]
) -> None:
    sign_in(browse(app, address="192.0.2.1"), 422)

    sign_in(browse(app, address="192.0.2.77"), 303, password=seed.ALICE.password)

    assert waits == [], "one failure of two, and the attempt itself is none"


def test_an_address_from_which_the_account_signed_in_before_is_not_slowed(
    app: Flask, browse: Callable[..., PageClient], waits: list[float]
) -> None:
    home = browse(app, address="2001:db8::1")
    sign_in(home, 303, password=seed.ALICE.password)
    for number in range(4):
        sign_in(browse(app, address=f"192.0.2.{number}"), 422)
    waits.clear()
    alice = services_of(app).ledger.keyring.subject(seed.ALICE.email)

    with waiting(app, ActorKind.VIEWER, *all_places(app)[1:], alice):
        # Her browser has another address of the same network by now.
        sign_in(browse(app, address="2001:db8::2"), 303, password=seed.ALICE.password)

    assert waits == []
    sign_in(browse(app, address="2001:db8::3"), 303, seed.MALLORY.email, seed.MALLORY.password)
    sign_in(browse(app, address="192.0.2.9"), 303, password=seed.ALICE.password)
    assert waits == [delays.SECONDS], "somebody else's success makes no address known"


def test_there_is_one_place_to_wait_for_an_account_and_a_few_for_all(
    app: Flask, stranger: PageClient, sandbox: SimulatedZype, waits: list[float]
) -> None:
    alice = services_of(app).ledger.keyring.subject(seed.ALICE.email)
    waits.clear()
    for kind, subjects, status in (
        (ActorKind.VIEWER, (alice,), 503),
        (ActorKind.VIEWER, all_places(app), 503),
        (ActorKind.VIEWER, all_places(app)[1:], 422),
        (ActorKind.AGENT, (*all_places(app)[1:], alice), 422),
    ):
        with waiting(app, kind, *subjects), recording_calls(sandbox) as calls:
            page = sign_in(stranger, status)
        assert (page.status == 503) == (calls == []), (kind, subjects)
        assert page.status != 503 or page.header("Retry-After") == "5"

    assert len(waits) == 2
    assert outcomes(app, "sign_in")[-4:] == ["busy", "busy", "wrong", "wrong"]


def test_a_try_that_finds_no_place_counts_against_its_address_and_not_against_the_account(
    app: Flask, stranger: PageClient, browse: Callable[..., PageClient]
) -> None:
    with waiting(app, ActorKind.VIEWER, *all_places(app)):
        for _ in range(20):
            sign_in(stranger, 503)
        sign_in(stranger, 429)

    sign_in(stranger, 429, "another@example.com")
    sign_in(browse(app, address="192.0.2.78"), 303, password=seed.ALICE.password)


def test_after_ten_times_as_many_failures_the_address_is_paused(
    app: Flask, client: PageClient, browse: Callable[..., PageClient]
) -> None:
    for number in range(20):
        sign_in(client, 422, f"u{number}@example.com")

    page = sign_in(client, 429, "u20@example.com")

    assert PAUSED in page.summary
    sign_in(browse(app, address="192.0.2.10"), 303, password=seed.ALICE.password)


def test_a_success_does_not_count(alice: Alice) -> None:
    for _ in range(3):
        alice.signs_in().signs_out()


def test_an_account_cannot_be_signed_in_to_without_end_from_one_address(
    app: Flask, client: PageClient, browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    services = services_of(app)
    alice = services.ledger.keyring.subject(seed.ALICE.email)
    for _ in range(20):
        attempt = Attempt(Action.SIGN_IN, Actor(ActorKind.VIEWER, "", "127.0.0.1", "request-1"), subject_hash=alice)
        services.ledger.record(attempt, SignInOutcome.SIGNED_IN)
    with recording_calls(sandbox) as calls:
        sign_in(client, 429, password=seed.ALICE.password)

    assert calls == []
    sign_in(browse(app, address="192.0.2.7"), 303, password=seed.ALICE.password)
    sign_in(client, 303, seed.MALLORY.email, seed.MALLORY.password)


def test_a_login_service_that_fails_does_not_count(client: PageClient) -> None:
    for _ in range(3):
        sign_in(client, 503, "http503@example.com")


def test_an_account_for_which_the_login_service_fails_stops_nobody_else(client: PageClient) -> None:
    for _ in range(FAILURES_TO_OPEN + 1):
        sign_in(client, 503, "http503@example.com")

    sign_in(client, 303, password=seed.ALICE.password)


@pytest.mark.parametrize(("second", "status"), [("2001:db8::2", 429), ("2001:db8:0:1::1", 422)])
def test_an_ipv6_network_of_64_bits_is_one_address(
    app: Flask, browse: Callable[..., PageClient], second: str, status: int
) -> None:
    for _ in range(2):
        sign_in(browse(app, address="2001:db8::1"), 422)

    sign_in(browse(app, address=second), status)
