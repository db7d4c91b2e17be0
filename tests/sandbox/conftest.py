"""A sandbox in this process with its own clock, and the calls of its clients."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.sandbox import seed
from portal.sandbox.state import Sandbox
from tests.harness.simulated_zype import new_app

API_KEY, APP_KEY = "the-api-key", "the-app-key"
CLIENT_ID, CLIENT_SECRET = "the-client", "the-client-secret"
PORTAL = "http://127.0.0.1:8000"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **length: float) -> None:
        """Advance: ``advance(minutes=30)``."""
        self.now += timedelta(**length)


class Calls:
    """The calls of a portal and of a TV, made with Flask's test client."""

    def __init__(self, http: FlaskClient) -> None:
        self.http = http

    def acquire(self, device_id: str = "tv") -> str:
        """Acquire a PIN as a TV does, and return it."""
        query = {"app_key": APP_KEY, "linked_device_id": device_id}
        pin: str = self.http.post("/pin/acquire", query_string=query).json["response"]["pin"]
        return pin

    def status(self, device_id: str = "tv") -> dict[str, Any]:
        """Return a device's status as a TV reads it."""
        query = {"app_key": APP_KEY, "linked_device_id": device_id}
        found: dict[str, Any] = self.http.get("/pin/status", query_string=query).json["response"]
        return found

    def link(self, pin: str, consumer_id: str = seed.ALICE.id) -> TestResponse:
        """Link as the portal does."""
        return self._put("/pin/link", pin, consumer_id)

    def unlink(self, pin: str, consumer_id: str = seed.ALICE.id) -> TestResponse:
        """Unlink as the portal does."""
        return self._put("/pin/unlink", pin, consumer_id)

    def get(self, path: str, **query: str) -> TestResponse:
        """Read with the portal's key."""
        return self.http.get(path, query_string={"api_key": API_KEY, **query})

    def devices(self, consumer_id: str = seed.ALICE.id) -> Any:
        """Return the linked_devices of a consumer's record."""
        return self.get(f"/consumers/{consumer_id}").json["response"]["linked_devices"]

    def token(self, **form: str) -> TestResponse:
        """Ask for a token as the portal's client; a given field replaces the client's own."""
        return self.http.post("/oauth/token", data={"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **form})

    def token_of(self, consumer: seed.Consumer) -> str:
        """Sign a consumer in by password and return the access token."""
        answer = self.token(grant_type="password", username=consumer.email, password=consumer.password)
        access: str = answer.json["access_token"]
        return access

    def info(self, access_token: str) -> TestResponse:
        """Ask for the owner of a token."""
        return self.http.get("/oauth/token/info", query_string={"access_token": access_token})

    def _put(self, path: str, pin: str, consumer_id: str) -> TestResponse:
        return self.http.put(path, query_string={"api_key": API_KEY, "consumer_id": consumer_id, "pin": pin})


@pytest.fixture
def clock() -> Clock:
    """The sandbox's clock."""
    return Clock()


@pytest.fixture
def make_app() -> Callable[..., Flask]:
    """Return a maker of sandboxes with these tests' keys."""

    def make(**other: Any) -> Flask:
        keys = {"api_key": API_KEY, "app_key": APP_KEY, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return new_app(Sandbox(**keys, activate_url=f"{PORTAL}/activate", **other))

    return make


@pytest.fixture
def app(make_app: Callable[..., Flask], clock: Clock) -> Flask:
    """A sandbox with the test's clock and fixed randomness."""
    return make_app(clock=clock, randomness=random.Random(7))


@pytest.fixture
def calls(app: Flask) -> Calls:
    """The calls that its clients make."""
    return Calls(app.test_client())
