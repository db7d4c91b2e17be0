"""The sandbox as tests use it: a real server with a new state, and TVs that call it over HTTP."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import cache
from typing import Any
from uuid import uuid4

import requests
from flask import Flask

from portal.sandbox import seed
from portal.sandbox.app import create_app
from portal.sandbox.server import listen
from portal.sandbox.state import EXTENSION, Sandbox
from portal.settings.settings import SANDBOX_API_KEY, Settings
from tests.harness.servers import acceptor

APP_KEY = "sandbox-app-key"
SECONDS = 5


class TV:
    """A TV that has acquired a PIN and shows it.

    Args:
        http: the session for its requests.
        url: the sandbox's origin.
        device_id: its own id.
    """

    def __init__(self, http: requests.Session, url: str, device_id: str) -> None:
        self._http = http
        self._url = url
        self.device_id = device_id
        self.acquire()

    def acquire(self) -> None:
        """Show another PIN."""
        self.pin: str = self._device("POST", "/pin/acquire")["pin"]

    def is_linked(self) -> bool:
        """Return whether its PIN is linked, which a TV asks every few seconds."""
        return bool(self._device("GET", "/pin/status")["linked"])

    def owner(self) -> str | None:
        """Return the consumer_id that it is linked to, or None."""
        found: str | None = self._device("GET", "/pin/status")["consumer_id"]
        return found

    def greeting(self) -> str | None:
        """Sign in with device id and PIN, as a linked TV does; return the name of the viewer, or None."""
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
        http: the session for requests.
        url: its origin, for PORTAL_ZYPE_API_URL.
        app: the application, for tests that look into its state.
    """

    def __init__(self, http: requests.Session, url: str, app: Flask) -> None:
        self.url = url
        self.app = app
        self._http = http
        self._numbers = itertools.count(1)

    def tv(self) -> TV:
        """Return another TV, which shows its own PIN."""
        return TV(self._http, self.url, f"tv-{next(self._numbers)}-{uuid4().hex}")

    def record(self) -> list[dict[str, Any]]:
        """Return the calls to link and unlink that arrived, oldest first."""
        answer = self._http.get(f"{self.url}/sandbox/record", timeout=SECONDS)
        answer.raise_for_status()
        calls: list[dict[str, Any]] = answer.json()
        return calls


@cache
def _default_settings() -> Settings:
    return Settings()


def new_state(public_url: str) -> Sandbox:
    """Return a sandbox with the credentials of the default settings."""
    defaults = _default_settings()
    return Sandbox(
        api_key=SANDBOX_API_KEY,
        client_id=defaults.zype_client_id,
        client_secret=defaults.zype_client_secret.get_secret_value(),
        activate_url=f"{public_url}/activate",
        app_key=APP_KEY,
        handoff_key=defaults.handoff_key.get_secret_value() if defaults.handoff_key else None,
        handoff_issuer=defaults.handoff_issuer,
    )


@cache
def _template_app() -> Flask:
    """Return an application that is never served, so that routes and templates are compiled once a process."""
    return create_app(new_state(""))


def new_app(state: Sandbox) -> Flask:
    """Return a copy of the template application with its own state."""
    template = _template_app()
    app = copy(template)
    app.before_request_funcs = defaultdict(list, template.before_request_funcs)
    app.extensions = template.extensions | {EXTENSION: state}
    return app


@contextmanager
def simulated_zype(public_url: str) -> Iterator[SimulatedZype]:
    """Run a sandbox with the credentials of the default settings while the block runs."""
    state = new_state(public_url)
    app = new_app(state)
    server = listen(app, "127.0.0.1", 0)
    with acceptor().accepting(server), requests.Session() as http:
        http.trust_env = False
        try:
            yield SimulatedZype(http, f"http://127.0.0.1:{server.port}", app)
        finally:
            state.stopping.set()
