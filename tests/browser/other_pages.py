"""The pages that are hard to reach: rendered as the portal renders them, with each of the words that they have."""

import re
from collections.abc import Callable, Iterator

from flask import Flask, Response

from portal.pages.staff_auth.oidc.problems import Problem
from portal.pages.web.error_pages import error_page
from portal.pages.web.responses import render_page
from portal.settings.package_data import data_dir
from tests.harness.page import Page
from tests.harness.pseudo_locale import CODE
from tests.harness.transports import Answer

Pages = Iterator[tuple[str, Page]]
# Statuses of the errors that have others than 400.
STATUSES = {"error": 500, "unavailable": 503, "too_many": 429, "forbidden": 403, "not_found": 404, "too_large": 413}
KIND = re.compile(r'^  "(\w+)": _\(', re.MULTILINE)


def pages_of_errors(app: Flask) -> Pages:
    """Yield the page of each error, below the pages of viewers and of staff."""
    kinds = KIND.findall((data_dir("templates") / "errors" / "error.html").read_text(encoding="utf-8"))
    for kind in dict.fromkeys(kinds):
        status = STATUSES.get(kind, 400)
        wait = 90 if status in (429, 503) else None
        yield f"error: {kind}", _rendered(app, "/activate", lambda: error_page(status, kind, wait))  # noqa: B023
    yield "error for staff", _rendered(app, "/support", lambda: error_page(500, "error"))


def pages_of_provider(app: Flask) -> Pages:
    """Yield the page of each reason for which the staff's provider signs nobody in."""
    for problem in Problem:
        context = {"problem": problem, "next": "/support", "wait": "1", "link_token": "x", "reauthenticate": False}
        yield (
            f"provider: {problem}",
            _rendered(
                app,
                "/support/sign-in/callback",
                lambda: render_page("staff/provider_problem.html", problem.status, failed=False, **context),  # noqa: B023
            ),
        )


def _rendered(app: Flask, path: str, render: Callable[[], Response]) -> Page:
    with app.test_request_context(path, headers={"Accept-Language": CODE}):
        app.preprocess_request()
        response = render()
        return Page(path, Answer(response.status_code, list(response.headers), response.get_data(as_text=True)))
