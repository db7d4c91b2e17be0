"""The history in a real browser: a wide table on a small screen, for eyes, fingers, keyboards and screen readers."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from portal.domain.actors import Actor, ActorKind, Reason, Role
from portal.domain.outcomes import Action, Outcome
from portal.ledger.attempts import Attempt
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.chromium import Watch
from tests.harness.page import PageClient
from tests.harness.staff import sign_in_staff
from tests.harness.visual_checks import AppearanceCheck


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A day that is over soon."""
    return environ | {"PORTAL_LIMIT_AGENT": "50/day"}


@pytest.fixture
def window(live: str, app: Flask, browser: Browser, browse: Callable[..., PageClient]) -> Iterator[Page]:
    """A window of Chromium with a supervisor's session, and more in the ledger than fits on a page."""
    book = services_of(app).ledger
    reason = Reason("The viewer needs a hand with the remote: " + "W" * 60, "T-4711")
    for number, outcome in enumerate([*[Outcome.LINKED] * 45, *Outcome]):
        actor = Actor(ActorKind.AGENT, "oidc:" + "w" * 36 if number % 2 else "bob", "192.0.2.9", "request-9")
        attempt = Attempt(Action.LINK, actor, seed.ALICE.id, reason=reason)
        book.begin(attempt)
        book.finish(attempt, outcome)
    session_id = sign_in_staff(app, browse(app), "supervisor", Role.SUPERVISOR)
    context = browser.new_context(locale="en")
    context.set_default_timeout(10_000)
    context.add_cookies([{"name": "activate-staff", "value": session_id, "url": live}])
    watch = Watch(context)
    yield context.new_page()
    context.close()
    assert watch.faults() == []


def test_it_fits_and_can_be_read_and_pressed(window: Page, live: str) -> None:
    check = AppearanceCheck(window)
    for query in ("", "?agent=nobody", "?agent=bob&outcome=not_found"):
        window.goto(f"{live}/support/history{query}")
        # The rows below repeat those above.
        window.locator("tbody tr").evaluate_all("rows => rows.slice(5).forEach(row => row.remove())")
        check(f"history{query}")


def test_a_keyboard_reaches_what_a_small_screen_hides(window: Page, live: str) -> None:
    window.set_viewport_size({"width": 320, "height": 640})
    window.goto(f"{live}/support/history")
    table = window.get_by_role("region", name="Attempts, the newest first")
    table.focus()
    assert table.evaluate("it => it.scrollWidth - it.clientWidth") > 0
    window.keyboard.press("ArrowRight")
    expect(table).not_to_have_js_property("scrollLeft", 0)
    window.keyboard.press("Tab")
    assert window.evaluate("document.activeElement.textContent.trim()") == "Older"
