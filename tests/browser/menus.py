"""The menus at the top of a page: of the account, and of the language, which is in it while somebody is signed in."""

from playwright.sync_api import Locator, Page


def account_menu(page: Page) -> Locator:
    """Return what opens and closes the menu of the account."""
    return page.locator(".account-menu > summary")


def press_in_menu(page: Page, name: str) -> None:
    """Open the menu of the account, and press a button in it."""
    account_menu(page).click()
    page.get_by_role("button", name=name, exact=True).click()


def choose_language(page: Page, name: str) -> None:
    """Press the button of a language, by its own name."""
    if account_menu(page).count():
        account_menu(page).click()
    page.locator(".language-switch > summary").click()
    page.get_by_role("button", name=name).click()
