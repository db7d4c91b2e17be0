"""Browsers translate the pages and leave alone what is no copy: PINs, accounts, TVs, the brand."""

from collections.abc import Callable, Iterable
from itertools import chain

from bs4 import BeautifulSoup, NavigableString
from flask import Flask

from portal.sandbox import seed
from tests.browser.test_every_page import pages_of_entry, pages_of_linking, pages_of_tvs
from tests.harness.markup import attribute
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice
from tests.harness.staff import sign_in_staff
from tests.support.conftest import Bob
from tests.support.test_pages_in_browser import pages_of_finding, pages_of_unlinking

# Each stands on a page of these walks: the accounts, a TV's name, the brand and the PINs.
VIEWERS_NAMES = (seed.ALICE.email, "W" * 40, "Zype Activate", "good7777")
STAFF_NAMES = (seed.ALICE.email, seed.ALICE.name, seed.ALICE.id, "bob", "Zype Activate")


def translated(page: Page, name: str) -> list[str]:
    """Return the texts of a page with a name that a browser would translate; none for a page without the name."""
    texts = BeautifulSoup(page.source, "html.parser").find_all(string=lambda text: name in text)
    return [str(text) for text in texts if not _stays(text)]


def _stays(text: NavigableString) -> bool:
    marked = text.find_parent(attrs={"translate": True})
    # A title can't be marked in part.
    return attribute(marked, "translate") == "no" or text.find_parent("title") is not None


def assert_none_is_translated(pages: Iterable[tuple[str, Page]], names: tuple[str, ...]) -> None:
    """Assert that no page has a name that a browser would translate, and that each name is on one."""
    seen = set()
    for title, page in pages:
        for name in names:
            assert translated(page, name) == [], title
            seen |= {name} if name in page.source else set()
    assert seen == set(names)


def test_no_name_on_a_page_for_viewers_is_translated(app: Flask, browse: Callable[..., PageClient]) -> None:
    walks = (pages_of_entry, pages_of_linking, pages_of_tvs)
    pages = (page for walk in walks for page in walk(Alice(browse(app))))
    assert_none_is_translated(pages, VIEWERS_NAMES)


def test_no_name_on_a_page_of_the_console_is_translated(app: Flask, browse: Callable[..., PageClient]) -> None:
    bob = Bob(browse(app))
    sign_in_staff(app, bob.browser)
    assert_none_is_translated(chain(pages_of_finding(bob), pages_of_unlinking(bob)), STAFF_NAMES)


def test_a_name_that_would_be_translated_is_found(alice: Alice) -> None:
    page = alice.opens("/activate").page
    assert translated(page, "Use the account that you watch with.") != []
