"""Which viewer is signed in. The only module that knows the keys of the session cookie.

What reads or ends sessions raises sqlalchemy.exc.SQLAlchemyError if the database fails.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask import g, request, session
from flask_babel import gettext as _

from portal.domain.actors import Actor, ActorKind, SessionKind
from portal.pages.identity.actor import request_actor
from portal.services import services

_SESSION_ID = "sid"
_LAST_LINK = "last_link"
_NEXT = "next"
_FLASH = "note"
# Authlib's keys of authorization requests that were sent to another host and not answered yet.
_PENDING_AUTHORIZATION = "_state_"
MAX_PENDING_AUTHORIZATIONS = 3


class Flash(StrEnum):
    """What was just done, for the page after a redirect. An address with it could be sent to anyone, and be wrong."""

    NAMED = "named"
    UNLINKED = "unlinked"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"


@dataclass(frozen=True)
class Viewer:
    """A viewer who is signed in. Name and e-mail are none if Zype has none, or could not be asked."""

    consumer_id: str
    name: str | None
    email: str | None

    @property
    def label(self) -> str:
        """What the pages call the account."""
        return self.email or self.name or _("your account")

    @property
    def actor(self) -> Actor:
        """The viewer as an actor, with the address of this request."""
        return request_actor(ActorKind.VIEWER, self.consumer_id)


def current_viewer() -> Viewer | None:
    """Return the viewer who is signed in, looked up once a request."""
    if "viewer" not in g:
        g.viewer = _find_viewer()
    return cached_viewer()


def cached_viewer() -> Viewer | None:
    """Return the viewer if this request has looked them up already; this can't fail."""
    viewer: Viewer | None = g.get("viewer")
    return viewer


def sign_in(viewer: Viewer) -> None:
    """Begin a new session for a viewer, in place of any that this browser had."""
    session_id = services().sessions.create(
        SessionKind.VIEWER, viewer.consumer_id, name=viewer.name, email=viewer.email, address=request.remote_addr or ""
    )
    sign_out()
    session[_SESSION_ID] = session_id
    g.viewer = viewer


def sign_out() -> None:
    """End the session of this browser, if it has one."""
    session_id = session.get(_SESSION_ID)
    if session_id:
        services().sessions.end(session_id)
    session.clear()
    g.viewer = None


def sign_out_everywhere(viewer: Viewer) -> None:
    """End every session of a viewer, that of this browser included."""
    services().sessions.end_all(SessionKind.VIEWER, viewer.consumer_id)
    session.clear()
    g.viewer = None


def leave_flash(flash: Flash) -> None:
    """Keep a message for the next page."""
    session[_FLASH] = flash


def take_flash() -> str | None:
    """Return the message for this page, once."""
    flash: str | None = session.pop(_FLASH, None)
    return flash


def remember_link(attempt_id: str) -> None:
    """Keep the id of the attempt that linked a TV, for the page about it."""
    session[_LAST_LINK] = attempt_id


def last_link() -> str | None:
    """Return the id of the last attempt that linked a TV in this session."""
    attempt_id: str | None = session.get(_LAST_LINK)
    return attempt_id


def remember_next(path: str) -> None:
    """Keep the path to go to after a sign-in on another host."""
    session[_NEXT] = path


def drop_old_pending_authorizations() -> None:
    """Keep only the newest few pending authorizations: a browser drops a cookie of over 4 KB."""
    pending = (key for key in session if key.startswith(_PENDING_AUTHORIZATION))
    for key in sorted(pending, key=lambda key: session[key]["exp"])[:-MAX_PENDING_AUTHORIZATIONS]:
        session.pop(key)


def next_path() -> str | None:
    """Return the path to go to after sign-in."""
    path: str | None = session.get(_NEXT)
    return path


def has_pending_authorization(framework: Any, state: str | None) -> bool:
    """Tell whether this browser was sent to another host with this state, which Authlib's framework stores."""
    return state is not None and framework.get_state_data(session, state) is not None


def save_pending_authorization(framework: Any, state: str, pending: dict[str, Any]) -> None:
    """Store what the callback with this state needs."""
    framework.set_state_data(session, state, pending)
    drop_old_pending_authorizations()


def take_pending_authorization(framework: Any, state: str | None) -> dict[str, Any] | None:
    """Return what was stored for a state, once; none if this browser was not sent away with it."""
    pending: dict[str, Any] | None = framework.get_state_data(session, state)
    framework.clear_state_data(session, state)
    return pending


def _find_viewer() -> Viewer | None:
    session_id = session.get(_SESSION_ID)
    found = services().sessions.find(session_id) if isinstance(session_id, str) else None
    if found is None or found.kind != SessionKind.VIEWER:
        return None
    return Viewer(found.principal_id, found.name, found.email)
