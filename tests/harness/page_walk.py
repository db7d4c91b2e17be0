"""A walk over pages in Chromium: each is looked at in the sizes and colours that people have, in a few milliseconds.

The page client has received them, so it has shown that they work without a script. Here they take each other's place in
one document, and the checks run inside of it: a call of the browser costs more than most checks.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import playwright.sync_api as playwright
from axe_playwright_python.base import AXE_SCRIPT

from tests.harness.page import Page

FOLDER = Path(__file__).parent / "page_checks"
NamedPage = tuple[str, Page]
ELEMENT = re.compile(r'<(\w+)(?: [^>]*?class="?([^">]*))?')


@dataclass(frozen=True)
class View:
    """How pages are looked at.

    Args:
        checks: the names of those in ``page_checks``.
        once_a_kind: pages that differ from an earlier one in their texts alone are left out.
    """

    width: int
    height: int
    theme: Literal["light", "dark"]
    checks: tuple[str, ...]
    forced_colours: bool = False
    once_a_kind: bool = False


PHONE = ("structure", "headings", "contrast", "width", "targets", "clipping", "focus", "order", "language")
VIEWS = (
    View(360, 740, "light", PHONE),
    View(1280, 800, "dark", ("contrast", "width", "band", "clipping", "focus"), once_a_kind=True),
    # A window of 1280 x 1024, zoomed to 400 %.
    View(320, 256, "light", ("width", "mirrored", "clipping", "buttons", "focus"), forced_colours=True),
)
# For pages in a language: those in the pseudo-locale have passed the above.
VIEWS_OF_A_LANGUAGE = (
    View(360, 640, "light", ("width", "targets", "clipping")),
    View(1280, 800, "light", ("width", "band", "clipping")),
    View(320, 256, "light", ("width", "clipping")),
)
# For the page on which everybody starts.
VIEWS_OF_ENTRY = (
    View(360, 640, "light", ("width", "targets", "clipping", "fold")),
    View(1280, 800, "light", ("width", "band", "clipping", "fold", "screen")),
    View(320, 256, "light", ("width", "clipping")),
)
# For a page of components: the colours of those are looked at on the pages that have them.
VIEWS_OF_STYLEGUIDE = (
    View(360, 740, "light", ("width", "clipping")),
    View(1280, 800, "dark", ("width", "clipping")),
    View(320, 256, "light", ("width", "clipping", "buttons"), forced_colours=True),
)


def kind(source: str) -> frozenset[tuple[str, str]]:
    """Return the elements of a page, each with its classes: what decides how it is painted and laid out."""
    return frozenset(ELEMENT.findall(source))


class PageWalk:
    """Checks pages of a portal in one of its own, where all of them find their stylesheets.

    Args:
        tab: in Chromium, with a page of the portal open that has no scripts.
    """

    def __init__(self, tab: playwright.Page) -> None:
        self.tab = tab

    def faults(self, pages: Iterable[NamedPage], views: Sequence[View] = VIEWS) -> list[str]:
        """Return what is wrong with each of the pages, with its name."""
        shown = [(name, page.source) for name, page in pages]
        if not self.tab.evaluate("'walk' in window"):
            for file in sorted(FOLDER.glob("*.js"), key=lambda it: it.name != "walk.js"):
                self.tab.evaluate(f"() => {{ {file.read_text(encoding='utf-8')} }}")
        if any("structure" in view.checks for view in views) and not self.tab.evaluate("'axe' in window"):
            self.tab.evaluate(AXE_SCRIPT)
        return [fault for view in views for fault in self._faults_in(view, shown)]

    def _faults_in(self, view: View, shown: Sequence[tuple[str, str]]) -> list[str]:
        kinds = {kind(source): (name, source) for name, source in reversed(shown)}
        pages = [*kinds.values()] if view.once_a_kind else shown
        self.tab.evaluate("pages => { walk.pages = pages }", pages)
        self.tab.set_viewport_size({"width": view.width, "height": view.height})
        forced: Literal["active", "none"] = "active" if view.forced_colours else "none"
        self.tab.emulate_media(color_scheme=view.theme, forced_colors=forced)
        look = "([checks, theme]) => walk.look(checks, theme)"
        faults: list[str] = self.tab.evaluate(look, [view.checks, view.theme])
        return faults
