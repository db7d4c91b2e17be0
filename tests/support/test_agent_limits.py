"""An agent's limits, as an agent and a viewer meet them on the pages."""

from collections.abc import Callable

import pytest
from flask import Flask

from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action
from portal.ledger.attempts import Attempt
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.internals import outcomes
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.staff import sign_in_staff
from tests.support.conftest import VIEWER, Bob, on_any_database

WAIT = "You have tried as often as you may for now."
MakeApp = Callable[..., Flask]
Browse = Callable[..., PageClient]


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """Limits that are soon reached."""
    limits = {"PORTAL_LIMIT_AGENT": "3/day", "PORTAL_LIMIT_VIEWER": "2/15minutes", "PORTAL_LIMIT_LOOKUP": "3/day"}
    return environ | limits


def pending_link(app: Flask, kind: ActorKind, who: str, number: int) -> None:
    """Begin an attempt and leave it under way, as another worker's would be."""
    actor = Actor(kind, who, "192.0.2.1", "request-1")
    attempt = Attempt(Action.LINK, actor, seed.ALICE.id, pin_fingerprint=f"{number:064x}")
    services_of(app).ledger.begin(attempt)


@on_any_database
def test_successful_links_count_against_the_daily_limit(bob: Bob, app: Flask) -> None:
    bob.has_linked("good1").links("used1", 422).has_linked("good2")

    page = bob.links("good3", 429).page

    assert WAIT in page.summary
    assert "You can try again in 24 hours." in page.summary
    assert int(page.header("Retry-After")) == pytest.approx(86_400, abs=60)
    assert page.value("#pin") == "good3"
    assert outcomes(app) == ["linked", "not_found", "linked", "too_many"]
    sign_in_staff(app, bob.browser, "newcomer")
    assert bob.links("good4").page.heading == "The TV is linked"


def test_pending_links_count_against_the_limit(bob: Bob, app: Flask) -> None:
    for number in range(3):
        pending_link(app, ActorKind.AGENT, "bob", number)

    assert WAIT in bob.links("good1", 429).page.summary


def test_ten_failures_for_one_viewer_in_a_quarter_of_an_hour(make_app: MakeApp, browse: Browse) -> None:
    app = make_app(limit_agent="60/day")
    bob = Bob(browse(app))
    sign_in_staff(app, bob.browser)
    for number in range(9):
        bob.links(f"used{number}", 422)
    pending_link(app, ActorKind.AGENT, "bob", 9)

    page = bob.links("good1", 429).page

    assert "You can try again in 15 minutes." in page.summary
    other = f"/support/viewers/{seed.MALLORY.id}"
    form = bob.opens(f"{other}/link").page
    fields = {"pin": "good1", "reason": "other", "details": "She can't read it.", "identity_checked": "y"}
    compared = bob.browser.submit(form, f"{other}/link", 200, **fields)
    bob.browser.submit(compared, f"{other}/link/confirm", 303, button="Yes, link this TV")
    sign_in_staff(app, bob.browser, "newcomer")
    assert bob.opens(VIEWER).links("good2").page.heading == "The TV is linked"


def test_an_agent_can_link_for_a_viewer_who_reached_their_limit(bob: Bob, alice: Alice) -> None:
    alice.signs_in().types_pin("used1", 422).types_pin("used2", 422).types_pin("good1", 429)

    assert bob.links("good1").page.heading == "The TV is linked"


def test_an_agent_s_failures_don_t_count_against_the_viewer(bob: Bob, alice: Alice, app: Flask) -> None:
    bob.links("used1", 422).links("used2", 422)
    pending_link(app, ActorKind.AGENT, "bob", 3)

    alice.signs_in().types_pin("used4", 422).types_pin("good1")


def test_a_viewer_s_pending_attempts_don_t_count_for_an_agent(bob: Bob, alice: Alice, app: Flask) -> None:
    for number in range(10):
        pending_link(app, ActorKind.VIEWER, seed.ALICE.id, number)

    alice.signs_in().types_pin("good1", 429)
    assert bob.links("good1").page.heading == "The TV is linked"


def test_look_ups_of_any_viewer_count_against_the_daily_limit(bob: Bob, app: Flask) -> None:
    bob.finds(seed.ALICE.email).finds("nobody@example.com", 422).finds(seed.MALLORY.id)

    bob.finds(f"{0:024x}", 429)
    bob.finds("u1@example.com", 429)

    assert bob.opens(VIEWER).page.heading == "Alice", "whom one has just found stays open"
    assert outcomes(app, "look_up") == ["found", "not_found", "found", "too_many"]


def test_a_form_keeps_its_fields_when_the_look_up_limit_is_reached(bob: Bob, app: Flask) -> None:
    page = bob.opens(f"{VIEWER}/link").page
    sign_in_staff(app, bob.browser, "newcomer")
    for number in range(3):
        bob.finds(f"u{number}@example.com")
    sign_in_staff(app, bob.browser, "newcomer")
    fields = {"pin": "good1", "reason": "other", "details": "She can't read it.", "identity_checked": "y"}

    answer = bob.browser.submit(page, f"{VIEWER}/link", 429, **fields)

    assert WAIT in answer.summary
    assert answer.value("#pin") == "good1"
    assert answer.text("#details") == "She can't read it."
