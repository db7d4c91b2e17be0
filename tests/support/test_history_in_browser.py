"""The table of the history in a real browser: what a line has no room for can be seen and copied."""

from collections.abc import Callable

from flask import Flask
from playwright.sync_api import Browser, Page, expect

from portal.domain.actors import Actor, ActorKind, Reason, Role
from portal.domain.outcomes import Action, Outcome
from portal.ledger.attempts import Attempt
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.page import PageClient
from tests.harness.staff import sign_in_staff

IS_CUT = "it => it.scrollWidth > it.clientWidth"
HEIGHT = "it => it.offsetHeight"
LINE = 60


def history_window(live: str, app: Flask, browser: Browser, client: PageClient) -> Page:
    """Return a window of Chromium with the history, as a supervisor sees it."""
    session_id = sign_in_staff(app, client, "supervisor", Role.SUPERVISOR)
    context = browser.new_context(locale="en", viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": "activate-staff", "value": session_id, "url": live}])
    page = context.new_page()
    page.goto(f"{live}/support/history")
    return page


def test_a_line_shows_all_of_itself_while_a_keyboard_is_in_it_and_a_click_takes_the_whole_id(
    live: str, app: Flask, browser: Browser, browse: Callable[..., PageClient]
) -> None:
    bob = Actor(ActorKind.AGENT, "bob", "192.0.2.9", "request-9")
    attempt = Attempt(Action.LINK, bob, seed.ALICE.id, reason=Reason("The viewer needs a hand: " + "W" * 60))
    services_of(app).ledger.record(attempt, Outcome.LINKED)
    window = history_window(live, app, browser, browse(app))
    row = window.locator("tbody tr")
    shown = row.locator("code")
    assert row.evaluate(HEIGHT) < LINE
    assert shown.evaluate(IS_CUT)

    shown.click()
    assert window.evaluate("getSelection().toString()") == attempt.id
    assert row.evaluate(HEIGHT) < LINE

    row.get_by_role("link").focus()
    window.keyboard.press("Tab")
    expect(shown).to_be_focused()
    assert not [it for it in row.locator("td > span, code").all() if it.evaluate(IS_CUT)]
    window.context.close()
