"""Shows pages in Chromium that the page client received: it walks through the portal in a fraction of the time."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import playwright.sync_api as playwright
from flask import Flask
from werkzeug.wrappers import Response

from tests.harness.page import Page

PATH = "/shown-page"


class ShownPages:
    """A tab in which pages are shown with their own status and headers, though at another address.

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
        """Load a page, and unfold everything on it that can be."""
        self._page = page
        answer = self._tab.goto(self._address)
        assert answer is not None
        assert answer.status == page.status
        self._tab.evaluate("document.querySelectorAll('details').forEach(it => it.open = true)")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request: the page that is shown, or else what the portal answers."""
        if environ["PATH_INFO"] != PATH or self._page is None:
            return self._portal(environ, start_response)
        return Response(self._page.source, self._page.status, self._page.all_headers)(environ, start_response)
