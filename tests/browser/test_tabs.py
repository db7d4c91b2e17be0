"""Two tabs of a real browser, which itself says where a form comes from."""

from playwright.sync_api import Page, expect

from portal.sandbox import seed
from tests.browser.menus import choose_language, press_in_menu


def fill_in(page: Page) -> None:
    page.get_by_label("Email").fill(seed.ALICE.email)
    page.get_by_label("Password").fill(seed.ALICE.password)


def sign_in(page: Page) -> None:
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_tabs_of_an_earlier_session_sign_in_choose_a_language_and_sign_out(live: str, desktop: Page) -> None:
    older, newer = desktop, desktop.context.new_page()
    older.goto(f"{live}/sign-in?next=/devices")
    # As if both had been opened at once: neither request had a cookie.
    desktop.context.clear_cookies()
    newer.goto(f"{live}/sign-in")

    fill_in(older)
    choose_language(older, "Français")
    expect(older.locator("#email")).to_have_value(seed.ALICE.email)
    choose_language(older, "English")
    desktop.context.clear_cookies(name="activate")
    newer.goto(f"{live}/sign-in")
    fill_in(older)
    sign_in(older)
    expect(older).to_have_url(f"{live}/devices")

    # The newer one still shows the form, and the older one has a session that is gone by then.
    fill_in(newer)
    sign_in(newer)
    expect(newer.get_by_role("heading", level=1)).to_have_text("Link your TV")
    press_in_menu(newer, "Sign out")
    press_in_menu(older, "Sign out")
    expect(older).to_have_url(f"{live}/activate")
    expect(older.get_by_role("heading", level=1)).to_have_text("Sign in to link your TV")
