"""What browsers would translate on a page that is no copy: PINs, accounts, TVs, the brand."""

from collections.abc import Collection

from bs4 import BeautifulSoup, NavigableString

from tests.harness.markup import attribute
from tests.harness.page import Page


def translated(page: Page, names: Collection[str]) -> list[str]:
    """Return the texts of a page with one of these names in them that a browser would translate."""
    texts = BeautifulSoup(page.source, "html.parser").find_all(string=lambda text: any(name in text for name in names))
    return [str(text) for text in texts if not _stays_as_it_is(text)]


def _stays_as_it_is(text: NavigableString) -> bool:
    marked = text.find_parent(attrs={"translate": True})
    # A title can't be marked in part.
    return attribute(marked, "translate") == "no" or text.find_parent("title") is not None
