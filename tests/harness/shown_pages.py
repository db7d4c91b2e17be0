"""Shows pages in Chromium that the page client received: it walks through the portal in a fraction of the time."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import playwright.sync_api as playwright
from flask import Flask
from werkzeug.wrappers import Response

from tests.harness.page import Page

PATH = "/shown-page"
# Puts a page in the place of one that loaded the same files. Axe, which takes as long to load as to run, stays there.
REPLACE = """source => {
    const files = it => [...it.querySelectorAll("head > :not(title)")].map(it => it.outerHTML).join();
    const page = new DOMParser().parseFromString(source, "text/html");
    if (files(page) !== files(document)) return false;
    for (const { name } of [...document.documentElement.attributes]) document.documentElement.removeAttribute(name);
    for (const { name, value } of page.documentElement.attributes) document.documentElement.setAttribute(name, value);
    document.title = page.title;
    document.body.replaceWith(document.adoptNode(page.body));
    return true;
}"""
UNFOLD = "document.querySelectorAll('details').forEach(it => it.open = true)"


class ShownPages:
    """A tab in which pages are shown, though at another address.

    The first with the same styles and scripts is loaded with its own status and headers, and runs the scripts. Those
    that follow it take its place, as they are without scripts.

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

    def show(self, page: Page) -> None:
        """Show a page, and unfold everything on it that can be."""
        self._page = page
        if not self._tab.evaluate(REPLACE, page.source):
            answer = self._tab.goto(self._address)
            assert answer is not None
            assert answer.status == page.status
        self._tab.evaluate(UNFOLD)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request: the page that is shown, or else what the portal answers."""
        if environ["PATH_INFO"] != PATH or self._page is None:
            return self._portal(environ, start_response)
        return Response(self._page.source, self._page.status, self._page.all_headers)(environ, start_response)
