"""The sandbox as the tests use it: a real server with a fresh state, and TVs that speak to it over HTTP."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import cache
from random import SystemRandom
from threading import Event
from typing import Any
from uuid import uuid4

import requests
from flask import Flask

from portal.sandbox import seed
from portal.sandbox.app import create_app
from portal.sandbox.mailbox import Mailbox
from portal.sandbox.record import Record
from portal.sandbox.server import listen
from portal.sandbox.state import EXTENSION, Sandbox
from portal.sandbox.store import Store
from portal.sandbox.tokens import Tokens
from portal.settings.settings import Settings
from tests.harness.servers import acceptor

APP_KEY = "sandbox-app-key"
SECONDS = 5


class TV:
    """A TV that has acquired a PIN and shows it.

    Args:
        http: a session to speak over.
        url: the sandbox's origin.
        device_id: as it names itself.
    """

    def __init__(self, http: requests.Session, url: str, device_id: str) -> None:
        self._http = http
        self._url = url
        self.device_id = device_id
        self.pin: str = self._device("POST", "/pin/acquire")["pin"]

    def is_linked(self) -> bool:
        """Ask, as a TV does every few seconds, whether its PIN was linked."""
        return bool(self._device("GET", "/pin/status")["linked"])

    def owner(self) -> str | None:
        """Return the consumer_id that it is linked to, or None."""
        found: str | None = self._device("GET", "/pin/status")["consumer_id"]
        return found

    def greeting(self) -> str | None:
        """Sign in with the device id and the PIN, as a linked TV does; return the name that it greets, or None."""
        given = {"linked_device_id": self.device_id, "pin": self.pin, "client_id": seed.TV_CLIENT_ID}
        token = self._http.post(f"{self._url}/oauth/token", {"grant_type": "password", **given}, timeout=SECONDS)
        if not token.ok:
            return None
        bearer = {"Authorization": f"Bearer {token.json()['access_token']}"}
        owner = self._json("GET", "/oauth/token/info", headers=bearer)["resource_owner_id"]
        name: str = self._json("GET", f"/consumers/{owner}", headers=bearer)["response"]["name"]
        return name

    def _device(self, method: str, path: str) -> dict[str, Any]:
        query = {"linked_device_id": self.device_id, "app_key": APP_KEY}
        found: dict[str, Any] = self._json(method, path, params=query)["response"]
        return found

    def _json(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        answer = self._http.request(method, f"{self._url}{path}", timeout=SECONDS, **given)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


class SimulatedZype:
    """A running sandbox.

    Args:
        http: a session to speak over.
        url: its origin, for PORTAL_ZYPE_API_URL.
        app: the application, for tests that look into its state.
    """

    def __init__(self, http: requests.Session, url: str, app: Flask) -> None:
        self.url = url
        self.app = app
        self._http = http
        self._numbers = itertools.count(1)

    def tv(self) -> TV:
        """Switch on another TV; it shows a PIN of its own."""
        return TV(self._http, self.url, f"tv-{next(self._numbers)}-{uuid4().hex}")

    def record(self) -> list[dict[str, Any]]:
        """Return the calls to link and unlink that arrived, oldest first."""
        answer = self._http.get(f"{self.url}/sandbox/record", timeout=SECONDS)
        answer.raise_for_status()
        calls: list[dict[str, Any]] = answer.json()
        return calls


@cache
def _blank_app() -> Flask:
    """Return a sandbox that is never served: routes and templates are compiled once, and copied for each test."""
    defaults = Settings()
    return create_app(
        api_key=defaults.zype_api_key.get_secret_value(),
        client_id=defaults.zype_client_id,
        client_secret=defaults.zype_client_secret.get_secret_value(),
        activate_url="",
        app_key=APP_KEY,
    )


def _fresh_app(public_url: str) -> Flask:
    """Return a sandbox with a state of its own."""
    blank = _blank_app()
    state: Sandbox = blank.extensions[EXTENSION]
    randomness = SystemRandom()
    app = copy(blank)
    app.before_request_funcs = defaultdict(list, blank.before_request_funcs)
    app.extensions = blank.extensions | {
        EXTENSION: replace(
            state,
            activate_url=f"{public_url}/activate",
            store=Store(state.clock, randomness),
            tokens=Tokens(state.clock, randomness),
            record=Record(),
            mailbox=Mailbox(state.clock),
            stopping=Event(),
        )
    }
    return app


@contextmanager
def simulated_zype(public_url: str) -> Iterator[SimulatedZype]:
    """Run a sandbox with the credentials of the default settings while the block runs."""
    app = _fresh_app(public_url)
    server = listen(app, "127.0.0.1", 0)
    with acceptor().accepting(server), requests.Session() as http:
        http.trust_env = False
        try:
            yield SimulatedZype(http, f"http://127.0.0.1:{server.port}", app)
        finally:
            app.extensions[EXTENSION].stopping.set()
