"""The top of every page: the brand, the ways to the other pages, and the menus of the account and the language."""

from collections.abc import Callable

from flask import Flask

from tests.harness.page import Page, PageClient
from tests.harness.people import SIGN_OUT, SIGN_OUT_EVERYWHERE, Alice

WAYS = [("/activate", "Link a TV"), ("/devices", "Your TVs")]


def ways(page: Page) -> list[tuple[str, str]]:
    return [(link["href"], link.text) for link in page.select(".site-nav a")]


def here(page: Page) -> dict[str, str]:
    """Return the links of the navigation that are marked as the page itself, or what the page belongs to."""
    return {link["href"]: link["aria-current"] for link in page.select(".site-nav [aria-current]")}


def test_from_every_page_there_is_a_way_to_the_others_and_each_says_where_it_is(alice: Alice) -> None:
    alice.signs_in()
    assert here(alice.opens("/activate").page) == {"/activate": "page"}
    assert ways(alice.page) == WAYS
    assert here(alice.types_pin("used1", 422).page) == {"/activate": "page"}
    assert here(alice.opens("/devices").page) == {"/devices": "page"}
    assert here(alice.sends_the_pin_of_a_link("good1").page) == {"/activate": "true"}
    assert ways(alice.page) == WAYS
    # Of nobody's own page: it looks up no viewer, and has a way back all the same.
    for path, status in (("/nowhere", 404), ("/devices/0/unlink", 404)):
        assert ways(alice.opens(path, status).page) == WAYS
    assert here(alice.page) == {"/devices": "true"}


def test_without_a_session_the_ways_are_those_to_sign_in(client: PageClient) -> None:
    page = client.get("/activate")
    assert not ways(page)
    assert not page.select(".account-menu")
    assert page.select(".site-header > .language-switch")


def test_the_console_s_errors_lead_to_no_page_of_viewers(client: PageClient) -> None:
    page = client.get("/support/nowhere", 404)
    assert not ways(page)
    assert {link["href"] for link in page.select("a[href^='/']")} == {"/support"}


def test_the_account_s_menu_names_it_and_has_its_language_and_both_ways_to_sign_out(alice: Alice) -> None:
    page = alice.signs_in().opens("/devices").page
    assert page.text(".account-menu bdi") == "alice@example.com"
    assert page.text(".initial") == "A"
    assert page.select(".account-menu .language[value=de]")
    for form in (SIGN_OUT, SIGN_OUT_EVERYWHERE):
        assert page.select(f".account-menu {form.removeprefix('.site-header ')}[data-forget-pin]")


def test_without_a_logo_the_name_has_its_initial_as_a_mark(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    page = browse(make_app(brand_name="«ärger» TV")).get("/sign-in")
    assert page.text(".brand-mark") == "Ä"
    assert page.text(".brand-name") == "«ärger» TV"
