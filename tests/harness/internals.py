"""What tests read behind the pages: the rows of the portal's tables, and the cookies of a browser."""

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog
from flask import Flask
from flask.testing import FlaskClient

from portal.database.sessions import sessions
from portal.ledger.tables import ledger
from portal.pages.web.log_lines import access_log
from tests.fixtures import services_of
from tests.harness.page import Page, PageClient
from tests.harness.transports import Answer, InProcess


def rows(app: Flask, table: sa.Table) -> list[Mapping[str, Any]]:
    """Return every row of a table."""
    with services_of(app).database.read() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def outcomes(app: Flask, action: str = "link") -> list[str]:
    """Return the outcomes of an action in the ledger, oldest first."""
    found = sorted(rows(app, ledger), key=lambda row: row["id"])
    return [row["outcome"] for row in found if row["action"] == action and row["outcome"]]


def session_rows(app: Flask) -> list[Mapping[str, Any]]:
    """Return the sessions on the server."""
    return rows(app, sessions)


def flask_client(browser: PageClient) -> FlaskClient:
    """Return what a browser in this process keeps its cookies in."""
    assert isinstance(browser.transport, InProcess)
    return browser.transport.flask


def cookie(browser: PageClient, name: str) -> str | None:
    """Return a cookie that a browser in this process keeps."""
    found = flask_client(browser).get_cookie(name, domain=_host(browser))
    return found.value if found else None


def give_cookie(browser: PageClient, name: str, value: str) -> None:
    """Put a cookie into a browser in this process."""
    flask_client(browser).set_cookie(name, value, domain=_host(browser))


def send_body(browser: PageClient, path: str, body: bytes, content_type: str) -> Page:
    """POST a body as no form of ours makes it; the page that comes back must keep to the rules."""
    url = browser.settings.public_url
    with flask_client(browser).post(path, base_url=url, data=body, content_type=content_type) as response:
        answer = Answer(response.status_code, list(response.headers), response.get_data(as_text=True))
    page = Page(path, answer)
    faults = page.faults(browser.settings.secret_values)
    assert not faults, "\n".join([f"{page!r} breaks the rules for pages:", *faults])
    return page


class _Lines(io.StringIO):
    """Standard output that keeps the lines of requests as structlog keeps what it is told."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        super().__init__()
        self._events = events

    def write(self, text: str) -> int:
        """Keep a line, which is written whole."""
        event = json.loads(text)
        self._events.append({"log_level": event.pop("level"), **event})
        return len(text)


@contextlib.contextmanager
def logged() -> Iterator[list[dict[str, Any]]]:
    """Yield the list to which every event of our own log, and the line of every request, is added in the block."""
    was_open, access_log.is_open = access_log.is_open, True
    try:
        with structlog.testing.capture_logs() as events, contextlib.redirect_stdout(_Lines(events)):
            yield events
    finally:
        access_log.is_open = was_open


def _host(browser: PageClient) -> str:
    return urlsplit(browser.settings.public_url).hostname or ""
