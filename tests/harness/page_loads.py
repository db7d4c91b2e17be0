"""Pages as a browser loads them, with their status, headers and scripts: what a walk over documents can't show."""

from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import playwright.sync_api as playwright
from flask import Flask
from werkzeug.wrappers import Response

from tests.harness.page import Page

PATH = "/page-of-the-walk"
# Resolves when the page has been painted, with all that moved on it so far: elements and how far. What was painted
# before the parser came to the end of the page may move by less than anybody sees.
SHIFTS = """() => new Promise(resolve => {
    const shifts = [];
    new PerformanceObserver(list => list.getEntries().filter(it => it.value >= 0.001).forEach(it => shifts.push(
        `${it.value.toFixed(4)}: ${it.sources.map(({ node }) => node?.outerHTML?.slice(0, 120)).join()}`
    ))).observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(shifts))));
})"""
FOCUS = """() => {
    const wanted = document.querySelector("[autofocus]");
    return wanted && document.activeElement !== wanted ? wanted.outerHTML.slice(0, 120) : "";
}"""
# What Tab must reach in the main part, in this order, and a list of what it reaches.
START = """() => {
    const reached = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    const isReached = it => it.tabIndex >= 0 && it.checkVisibility({ visibilityProperty: true });
    window.toReach = [...document.querySelectorAll("#main :is(" + reached + ")")].filter(isReached);
    window.reached = [];
    addEventListener("focusin", ({ target }) => window.reached.push(target));
    document.getElementById("main").focus();
    window.reached.length = 0;
    // A date has three parts and a calendar.
    return window.toReach.length + 3 * window.toReach.filter(it => it.type === "date").length;
}"""
MISSED = """() => {
    const names = them => them.map(it => it.id || it.textContent.trim() || it.tagName).join(" > ");
    const [wanted, found] = [names(window.toReach), names(window.reached.slice(0, window.toReach.length))];
    return wanted === found ? "" : `Tab goes ${found}, where the page has ${wanted}`;
}"""


class PageLoads:
    """A tab in which pages of a portal are loaded, though from another address.

    Args:
        app: the portal that gave the pages, which serves their static files too.
        origin: where it is served.
        tab: in Chromium.
    """

    def __init__(self, app: Flask, origin: str, tab: playwright.Page) -> None:
        self._tab = tab
        self._address = f"{origin}{PATH}"
        self._portal = app.wsgi_app
        self._page: Page | None = None
        app.wsgi_app = self

    def faults(self, pages: Iterable[tuple[str, Page]]) -> list[str]:
        """Return what is wrong with each page after a phone loaded it: shifts, focus, and the way of Tab."""
        self._tab.set_viewport_size({"width": 360, "height": 740})
        self._tab.emulate_media(color_scheme="light", forced_colors="none")
        return [f"{name}: {fault}" for name, page in pages for fault in self._faults_of(page)]

    def load(self, page: Page) -> None:
        """Open a page."""
        self._page = page
        answer = self._tab.goto(self._address)
        assert answer is not None
        assert answer.status == page.status

    def _faults_of(self, page: Page) -> Iterator[str]:
        self.load(page)
        yield from faults_of_loading(self._tab)
        for _ in range(self._tab.evaluate(START)):
            # Held down it goes on from one to the next.
            self._tab.keyboard.down("Tab")
        self._tab.keyboard.up("Tab")
        if missed := self._tab.evaluate(MISSED):
            yield missed

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request: the page that is loaded, or else what the portal answers."""
        if environ["PATH_INFO"] != PATH or self._page is None:
            return self._portal(environ, start_response)
        return Response(self._page.source, self._page.status, self._page.all_headers)(environ, start_response)


def faults_of_loading(tab: playwright.Page) -> list[str]:
    """Return what is wrong with the page that a tab has just loaded: what has moved, and a focus that is missing."""
    shifts = [f"a layout shift of {shift}" for shift in tab.evaluate(SHIFTS)]
    missing = tab.evaluate(FOCUS)
    return [*shifts, f"has no focus: {missing}"] if missing else shifts
