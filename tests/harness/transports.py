"""The two ways in which a page client reaches the portal; each keeps its cookies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import requests
from flask import Flask

SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What came over the wire.

    Args:
        status: of HTTP.
        headers: as pairs, in order, since a name may stand twice.
        text: the body.
    """

    status: int
    headers: list[tuple[str, str]]
    text: str


class Transport(Protocol):
    """How a request reaches the portal; the transport keeps the cookies."""

    def send(self, method: str, path: str, data: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Send one request, a form's fields in the query of a GET or in the body of a POST; follow nothing."""
        ...


class InProcess:
    """Calls the application in this process.

    Args:
        app: the portal.
        origin: the public URL.
        address: where the viewer is, as the portal sees it.
    """

    def __init__(self, app: Flask, origin: str, address: str = "127.0.0.1") -> None:
        self.flask = app.test_client()
        self._origin = origin
        self._environ = {"REMOTE_ADDR": address}

    def send(self, method: str, path: str, data: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Call the application."""
        # A query in the path and one beside it exclude each other.
        query: dict[str, Any] = {"query_string": dict(data)} if method == "GET" and data else {}
        response = self.flask.open(
            method=method,
            path=path,
            data=dict(data) if method != "GET" else None,
            headers=dict(headers),
            base_url=self._origin,
            environ_overrides=self._environ,
            **query,
        )
        with response:
            return Answer(response.status_code, list(response.headers), response.get_data(as_text=True))


class OverHTTP:
    """Speaks to a portal that listens on a port."""

    def __init__(self, origin: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self._origin = origin

    def send(self, method: str, path: str, data: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Send a request. As a browser does, ask once more for a page if the kept connection was closed meanwhile."""
        try:
            return self._send(method, path, data, headers)
        except requests.ConnectionError:
            if method != "GET":
                raise
            return self._send(method, path, data, headers)

    def _send(self, method: str, path: str, data: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        response = self.session.request(
            method,
            f"{self._origin}{path}",
            params=dict(data) if method == "GET" else None,
            data=dict(data) if method != "GET" else None,
            headers=dict(headers),
            allow_redirects=False,
            timeout=SECONDS,
        )
        return Answer(response.status_code, list(response.headers.items()), response.text)
