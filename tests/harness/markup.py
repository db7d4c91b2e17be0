"""Parsed pages, read by CSS selectors, and the elements of one as the rules for pages read them.

The parser follows the standard of HTML, so that a page is what a browser makes of it.
"""

from collections.abc import Iterator
from functools import cached_property

from selectolax.lexbor import LexborHTMLParser, LexborNode

NOT_VISIBLE = ("hidden", "submit", "button", "reset", "image")


class Element:
    """An element of a page, or the whole page.

    Args:
        node: as it was parsed.
    """

    __slots__ = ("_node", "attrs", "name")

    def __init__(self, node: LexborNode) -> None:
        self._node = node
        self.name: str = node.tag
        # An attribute without a value has an empty one, as in a browser.
        self.attrs: dict[str, str] = {name: value or "" for name, value in node.attributes.items()}

    def __getitem__(self, name: str) -> str:
        return self.attrs[name]

    def __repr__(self) -> str:
        return str(self._node.html)

    def get(self, name: str, missing: str | None = None) -> str | None:
        """Return the value of an attribute, or what stands for it where it is missing."""
        return self.attrs.get(name, missing)

    def has_attr(self, name: str) -> bool:
        """Tell whether an attribute is there."""
        return name in self.attrs

    def select(self, selector: str) -> list["Element"]:
        """Return the elements in this one that a selector matches. Raises SelectolaxError if it is no selector."""
        # Nodes are compared by their place in memory: "!=" writes the HTML of both, and takes longer than the parser.
        own = self._node.mem_id
        return [Element(node) for node in self._node.css(selector) if node.mem_id != own]

    def select_one(self, selector: str) -> "Element":
        """Return the one element that a selector matches; none or several fail the test."""
        found = self.select(selector)
        assert len(found) == 1, f"{len(found)} elements match {selector!r} in {self!r}"
        return found[0]

    def parents(self) -> Iterator["Element"]:
        """Yield the elements that this one is in, the nearest first."""
        node = self._node.parent
        while node is not None and node.is_element_node:
            yield Element(node)
            node = node.parent

    def nearest(self, name: str) -> "Element | None":
        """Return the nearest element of a name that this one is in; None if there is none."""
        return next((around for around in self.parents() if around.name == name), None)

    def get_text(self, separator: str = "", *, strip: bool = False) -> str:
        """Return the text in this element; with ``strip`` each piece without white space around it."""
        if not (separator or strip):
            return str(self._node.text())
        pieces = [text.strip() if strip else text for text, _ in self.texts()]
        return separator.join(piece for piece in pieces if piece)

    @property
    def text(self) -> str:
        """The text in this element, with its white space."""
        return self.get_text()

    def texts(self) -> Iterator[tuple[str, "Element"]]:
        """Yield each piece of text in this element, and the element that it stands in."""
        for node in self._node.traverse(include_text=True):
            if node.is_text_node:
                yield node.text_content, Element(node.parent)


def parsed(source: str) -> Element:
    """Return a whole page."""
    return Element(LexborHTMLParser(source).root.parent)


def words(tag: Element | None) -> str:
    """Return the text of an element as it is read: white space in one piece, and none around it."""
    return " ".join(tag.get_text().split()) if tag else ""


def attribute(tag: Element | None, name: str) -> str:
    """Return the value of an attribute; empty where it is missing."""
    return tag.attrs.get(name, "") if tag else ""


def is_fragment(link: Element) -> bool:
    """Tell whether a link leads to a place on the same page."""
    return attribute(link, "href").startswith("#")


class Document:
    """A page, with its elements by name and by attribute, found in one walk: a selector for each rule is slow.

    Args:
        source: of the page.
        status: of HTTP.
    """

    def __init__(self, source: str, status: int) -> None:
        self.source = source
        self.status = status
        self.root = parsed(source)

    @cached_property
    def elements(self) -> list[Element]:
        """All elements, in their order."""
        return self.root.select("*")

    @cached_property
    def _by_name(self) -> dict[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for tag in self.elements:
            found.setdefault(tag.name, []).append(tag)
        return found

    @cached_property
    def _by_attribute(self) -> dict[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for tag in self.elements:
            for name in tag.attrs:
                found.setdefault(name, []).append(tag)
        return found

    def named(self, *names: str) -> list[Element]:
        """Return the elements of these names."""
        return [tag for name in names for tag in self._by_name.get(name, ())]

    def first(self, name: str) -> Element | None:
        """Return the first element of a name; None if there is none."""
        return next(iter(self._by_name.get(name, ())), None)

    def having(self, *names: str) -> list[Element]:
        """Return the elements that have one of these attributes; one that has several stands there as often."""
        return [tag for name in names for tag in self._by_attribute.get(name, ())]

    def attribute_names(self) -> list[str]:
        """Return the name of every attribute that an element of the page has."""
        return list(self._by_attribute)

    def visible_fields(self) -> list[Element]:
        """Return the fields that a viewer can see."""
        inputs = [tag for tag in self.named("input") if attribute(tag, "type").lower() not in NOT_VISIBLE]
        return inputs + self.named("select", "textarea")

    def ids(self) -> list[str]:
        """Return every id, as often as it stands there."""
        return [attribute(tag, "id") for tag in self.having("id")]
