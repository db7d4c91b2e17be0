"""The state of one sandbox, and how its views find it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from urllib.parse import urlsplit

from flask import current_app

from portal.sandbox.mailbox import Mailbox
from portal.sandbox.passwords import Passwords
from portal.sandbox.record import Record
from portal.sandbox.store import Store
from portal.sandbox.tokens import Tokens

EXTENSION = "sandbox"
CALLBACK_PATH = "/sign-in/code/callback"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Sandbox:
    """One sandbox.

    Args:
        client_id: the portal's client at the login service.
        activate_url: the portal's page, which the TV shows; browsers return to its origin after sign-in.
        console_url: the portal's page for customer support, to which the sandbox's pages lead.
        app_key: of an app, which links and reads its own PINs, and reads no consumer.
        other_hosts: by which it is reached besides the one where it listens, as a Host header names them.
        handoff_key: that the portal and the video service's site share; none if the portal has another.
        handoff_issuer: as the site calls itself in the tokens.
        clock: returns the time, aware; set by tests.
        randomness: the source of PINs and tokens; cryptographic unless a test sets another.
    """

    api_key: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    activate_url: str
    console_url: str | None = None
    app_key: str = field(default="sandbox-app-key", repr=False)
    other_hosts: tuple[str, ...] = ()
    handoff_key: str | None = field(default=None, repr=False)
    handoff_issuer: str | None = None
    clock: Callable[[], datetime] = _now
    randomness: random.Random = field(default_factory=random.SystemRandom, repr=False)

    def __post_init__(self) -> None:
        self.store = Store(self.clock, self.randomness)
        self.passwords = Passwords(self.clock, self.randomness, self.store)
        self.tokens = Tokens(self.clock, self.randomness)
        self.record = Record()
        self.mailbox = Mailbox(self.clock)
        # Set when the sandbox stops, so that no hanging answer delays that.
        self.stopping = Event()

    @property
    def portal_origin(self) -> str:
        parts = urlsplit(self.activate_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def redirect_uri(self) -> str:
        """The only address to which the sign-in page sends a browser back."""
        return self.portal_origin + CALLBACK_PATH


def sandbox() -> Sandbox:
    """Return the sandbox of the current application."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Sandbox)  # noqa: S101 - It tells the type checker what create_app stored.
    return found
