"""Which viewer is signed in. This room alone knows the keys of the session cookie.

What reads or ends sessions raises sqlalchemy.exc.SQLAlchemyError if the database fails.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask import current_app, g, request, session
from flask_babel import gettext as _

from portal.domain.actors import Actor, ActorKind, SessionKind
from portal.pages.identity.actor import request_actor
from portal.pages.identity.agent import STAFF_MARKS
from portal.services import services

_SESSION_ID = "sid"
_LAST_LINK = "last_link"
_LAST_LINK_SHOWN = "last_link_shown"
_BROWSER = "browser"
_FLASH = "note"
_TYPED_KEY = "typed"
# Of the viewers' form to sign in and the staff's, whose longest is an email address.
_TYPED = ("email", "name")
_MAX_TYPED = 254
_TYPED_TV_NAME = "typed_tv_name"
_NOT_LOOKED_UP: Any = object()


class Flash(StrEnum):
    """What was just done, for the page after a redirect. An address with it could be sent to anyone, and be wrong."""

    DAMAGED_LINK = "damaged_link"
    DISCARDED = "discarded"
    NAMED = "named"
    PASSWORD_MAIL = "password_mail"  # noqa: S105 - a message, not a password
    REPORTED = "reported"
    UNLINKED = "unlinked"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"


@dataclass(frozen=True)
class Viewer:
    """A viewer who is signed in. Name and email are none if Zype has none, or could not be asked."""

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


def has_cookie() -> bool:
    """Tell whether this browser sent the cookie that every page with a form sets: a browser may keep none."""
    return current_app.config["SESSION_COOKIE_NAME"] in request.cookies


def current_viewer() -> Viewer | None:
    """Return the viewer who is signed in, looked up once a request."""
    viewer: Viewer | None = g.get("viewer", _NOT_LOOKED_UP)
    if viewer is _NOT_LOOKED_UP:
        viewer = g.viewer = _find_viewer()
    return viewer


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
    _empty_cookie()


def sign_out_everywhere(viewer: Viewer) -> None:
    """End every session of a viewer, that of this browser included."""
    services().sign_out.viewer(viewer.consumer_id, viewer.actor)
    _empty_cookie()


def leave_flash(flash: Flash) -> None:
    """Keep a message for the next page."""
    session[_FLASH] = flash


def take_flash() -> str | None:
    """Return the message for this page, once."""
    flash: str | None = session.pop(_FLASH, None)
    return flash


def keep_typed(form: Mapping[str, str]) -> None:
    """Keep who wants to sign in for the next page, if this request sent a form to sign in elsewhere."""
    typed = {name: "".join(filter(str.isprintable, form.get(name, "")))[:_MAX_TYPED] for name in _TYPED}
    if any(typed.values()):
        session[_TYPED_KEY] = typed


def take_typed(name: str) -> str:
    """Return what was typed into a field of the page before, once; empty for nothing."""
    typed: dict[str, str] = session.get(_TYPED_KEY, {})
    if name in typed:
        session.pop(_TYPED_KEY)
    return typed.get(name, "")


def keep_tv_name(name: str, page: str) -> None:
    """Keep the name of a TV as it was typed, until the page with its form is shown again."""
    session[_TYPED_TV_NAME] = [page, "".join(filter(str.isprintable, name))[:_MAX_TYPED]]


def take_tv_name(page: str) -> str | None:
    """Return the name of a TV that was typed on this page before, once; none if none was, or on another page."""
    kept_page, name = session.get(_TYPED_TV_NAME, (None, None))
    if kept_page != page:
        return None
    del session[_TYPED_TV_NAME]
    return str(name)


def remember_link(attempt_id: str, shown: str = "") -> None:
    """Keep the id of the attempt that linked a TV, and the handle of its PIN if it was compared, for what follows."""
    session[_LAST_LINK] = attempt_id
    session[_LAST_LINK_SHOWN] = shown


def last_link() -> str | None:
    """Return the id of the last attempt that linked a TV in this session."""
    attempt_id: str | None = session.get(_LAST_LINK)
    return attempt_id


def last_link_shown() -> str:
    """Return the handle of the PIN of the last link in this session; empty if it was not compared."""
    shown: str = session.get(_LAST_LINK_SHOWN, "")
    return shown


def browser_id() -> str:
    """Return the random id of this browser, which its pending authorizations are stored under; it ends with sign-in."""
    return str(session.setdefault(_BROWSER, secrets.token_urlsafe(16)))


def known_browser_id() -> str | None:
    """Return the id of this browser, if it has one."""
    known: str | None = session.get(_BROWSER)
    return known


def _empty_cookie() -> None:
    of_staff = {mark: session[mark] for mark in STAFF_MARKS if mark in session}
    session.clear()
    session.update(of_staff)
    g.viewer = None


def _find_viewer() -> Viewer | None:
    session_id = session.get(_SESSION_ID)
    found = services().sessions.find(session_id) if isinstance(session_id, str) else None
    if found is None or found.kind != SessionKind.VIEWER:
        return None
    return Viewer(found.principal_id, found.name, found.email)
