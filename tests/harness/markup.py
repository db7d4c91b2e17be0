"""The elements of a parsed page, as the rules for pages and the tests read them."""

from bs4 import BeautifulSoup, Tag

NOT_VISIBLE = ("hidden", "submit", "button", "reset", "image")


def words(tag: Tag | None) -> str:
    """Return the text of an element as it is read: white space in one piece, and none around it."""
    return " ".join(tag.get_text().split()) if tag else ""


def attribute(tag: Tag | None, name: str) -> str:
    """Return the value of an attribute as text; empty where it is missing."""
    value = tag.get(name, "") if tag else ""
    return value if isinstance(value, str) else " ".join(value or ())


def is_fragment(link: Tag) -> bool:
    """Tell whether a link leads to a place on the same page."""
    return attribute(link, "href").startswith("#")


class Document:
    """The elements of a page by name and by attribute, found in one walk: a selector for each rule is slow.

    Args:
        soup: the parsed page.
        status: of HTTP.
    """

    def __init__(self, soup: BeautifulSoup, status: int) -> None:
        self.soup = soup
        self.status = status
        self.elements: list[Tag] = list(soup.find_all(True))
        self._by_name: dict[str, list[Tag]] = {}
        self._by_attribute: dict[str, list[Tag]] = {}
        for tag in self.elements:
            self._by_name.setdefault(tag.name, []).append(tag)
            for name in tag.attrs:
                self._by_attribute.setdefault(name, []).append(tag)

    def named(self, *names: str) -> list[Tag]:
        """Return the elements of these names."""
        return [tag for name in names for tag in self._by_name.get(name, ())]

    def first(self, name: str) -> Tag | None:
        """Return the first element of a name; None if there is none."""
        return next(iter(self._by_name.get(name, ())), None)

    def having(self, *names: str) -> list[Tag]:
        """Return the elements that have one of these attributes; one that has several stands there as often."""
        return [tag for name in names for tag in self._by_attribute.get(name, ())]

    def visible_fields(self) -> list[Tag]:
        """Return the fields that a viewer can see."""
        inputs = [tag for tag in self.named("input") if attribute(tag, "type").lower() not in NOT_VISIBLE]
        return inputs + self.named("select", "textarea")

    def ids(self) -> list[str]:
        """Return every id, as often as it stands there."""
        return [attribute(tag, "id") for tag in self.having("id")]
