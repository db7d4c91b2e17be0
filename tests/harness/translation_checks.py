"""What browsers would translate on a page that is no copy: PINs, accounts, TVs, the brand."""

from collections.abc import Collection

from tests.harness.markup import Element, parsed
from tests.harness.page import Page
from tests.harness.page_rules import stays_as_it_is


def translated(page: Page, names: Collection[str]) -> list[str]:
    """Return the texts of a page with one of these names in them that a browser would translate."""
    texts = [(text, tag) for text, tag in parsed(page.source).texts() if any(name in text for name in names)]
    return [text for text, tag in texts if not _stays_as_it_is(tag)]


def _stays_as_it_is(tag: Element) -> bool:
    # A title can't be marked in part.
    return tag.name == "title" or stays_as_it_is(tag)
