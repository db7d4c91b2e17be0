"""A viewer names, lists and unlinks their TVs in a real browser."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.browser.menus import press_in_menu
from tests.harness.internals import cookie
from tests.harness.people import Alice
from tests.harness.simulated_zype import TV, SimulatedZype
from tests.harness.viewers import begin_session
from tests.harness.windows import OpenWindow

Link = Callable[[Page, TV], None]


@pytest.fixture
def link(app: Flask, alice: Alice, live: str) -> Link:
    """Return a function that signs Alice in and links a TV, in a window that then shows that it is linked."""

    def link(window: Page, tv: TV) -> None:
        begin_session(app, alice)
        alice.types_pin(tv.pin)
        name = app.config["SESSION_COOKIE_NAME"]
        window.context.add_cookies([{"name": name, "value": cookie(alice.browser, name) or "", "url": live}])
        window.goto(f"{live}/activate/done")
        expect(window.get_by_role("heading", level=1)).to_have_text("Your TV is linked")

    return link


def tab_to(target: Locator) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(30):
        target.page.keyboard.press("Tab")
        if target.evaluate("it => it === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {target}")


def test_a_tv_is_named_and_unlinked_by_keyboard(live: str, desktop: Page, sandbox: SimulatedZype, link: Link) -> None:
    tv = sandbox.tv()
    link(desktop, tv)
    desktop.get_by_role("link", name="Done").click()
    expect(desktop.get_by_role("heading", level=1)).to_have_text("Your TVs")
    # By the reader's clock, whose time zone the server does not know.
    expect(desktop.locator(".tv-entry time")).to_have_text(re.compile(r"^(today|yesterday), \d+:\d\d [AP]M$"))

    # From here on, only the keyboard is used.
    tab_to(desktop.get_by_role("link", name="Give it a name"))
    desktop.keyboard.press("Enter")
    tab_to(desktop.get_by_label("Name of this TV"))
    desktop.keyboard.type("Living room")
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_role("status")).to_have_text("Saved.")
    expect(desktop.get_by_role("listitem").get_by_role("heading")).to_have_text("Living room")
    assert tv.is_linked()

    tab_to(desktop.get_by_role("link", name="Unlink Living room"))
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_role("heading", level=1)).to_have_text("Unlink this TV?")
    expect(desktop.locator("main")).to_contain_text("Living room")
    tab_to(desktop.get_by_role("button", name="Yes, unlink it"))
    desktop.keyboard.press("Enter")

    expect(desktop).to_have_url(f"{live}/devices")
    expect(desktop.locator("main")).to_contain_text("change your password and tell support")
    expect(desktop.get_by_role("listitem")).to_have_count(0)
    assert not tv.is_linked()


def test_naming_and_unlinking_work_without_javascript(
    live: str, open_window: OpenWindow, sandbox: SimulatedZype, link: Link
) -> None:
    page = open_window(360, 740, java_script_enabled=False)
    tv = sandbox.tv()
    link(page, tv)
    page.get_by_label("Give this TV a name").fill("x" * 41)
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_role("alert")).to_contain_text("Use 40 characters at most.")
    page.get_by_label("Name of this TV").fill("Living room")
    page.get_by_role("button", name="Save the name").click()

    page.get_by_role("link", name="Rename").click()
    expect(page.get_by_label("Name of this TV")).to_have_value("Living room")
    page.locator("main").get_by_role("link", name="Your TVs").click()
    page.get_by_role("link", name="Unlink Living room").click()
    page.get_by_role("link", name="Keep it linked").click()
    expect(page).to_have_url(f"{live}/devices")
    assert tv.is_linked()
    page.get_by_role("link", name="Unlink Living room").click()
    page.get_by_role("button", name="Yes, unlink it").click()

    expect(page.locator("main")).to_contain_text("No TV is linked to your account yet.")
    assert not tv.is_linked()


def test_signing_out_everywhere_ends_the_session_in_another_browser(
    live: str, phone: Page, desktop: Page, sandbox: SimulatedZype, link: Link
) -> None:
    for page in (desktop, phone):
        link(page, sandbox.tv())
    phone.get_by_role("navigation").get_by_role("link", name="Your TVs").click()
    press_in_menu(phone, "Sign out everywhere")

    expect(phone.locator("main")).to_contain_text("You are signed out in every browser")
    desktop.reload()
    expect(desktop.get_by_role("heading", level=1)).to_have_text("Sign in to link your TV")
