"""What one sandbox is made of, and how its views find it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from urllib.parse import urlsplit

from flask import current_app

from portal.sandbox.mailbox import Mailbox
from portal.sandbox.record import Record
from portal.sandbox.store import Store
from portal.sandbox.tokens import Tokens

EXTENSION = "sandbox"
CALLBACK = "/sign-in/code/callback"


@dataclass(frozen=True)
class Sandbox:
    """One sandbox.

    Args:
        api_key: what the portal's calls carry.
        app_key: what a TV's calls carry; it may not link.
        client_id: the portal's client at the login service.
        client_secret: its secret.
        activate_url: the portal's page, which the TV shows.
        clock: returns the time, aware.
        store: consumers, PINs and links.
        tokens: codes and tokens of the login service.
        record: the calls to link and unlink.
        mailbox: the mails that were taken.
        stopping: set when the sandbox stops, so that no hanging answer holds it up.
    """

    api_key: str = field(repr=False)
    app_key: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    activate_url: str
    clock: Callable[[], datetime]
    store: Store
    tokens: Tokens
    record: Record
    mailbox: Mailbox
    stopping: Event = field(default_factory=Event)

    @property
    def portal_origin(self) -> str:
        """The origin of the portal."""
        parts = urlsplit(self.activate_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def redirect_uri(self) -> str:
        """The one address that the hosted sign-in page may send a browser back to."""
        return self.portal_origin + CALLBACK


def sandbox() -> Sandbox:
    """Return the sandbox of the application that is answering now."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Sandbox)  # noqa: S101 - It tells the type checker what the factory put there.
    return found
