"""Who is signed in. The only place that knows the keys of the session cookie."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask import g, request, session
from flask_babel import gettext as _

from portal.domain.actors import Actor, ActorKind, SessionKind
from portal.services import services

_SESSION_ID = "sid"
_LAST_LINK = "last_link"
_NEXT = "next"
_NOTE = "note"
# Where Authlib keeps the state of a sign-in that leads through another host.
_DEPARTURE = "_state_"
MOST_DEPARTURES = 3


class Note(StrEnum):
    """What was just done, for the page that a redirect leads to: an address can be sent to anybody, and would lie."""

    NAMED = "named"
    UNLINKED = "unlinked"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"


@dataclass(frozen=True)
class Viewer:
    """The viewer whose session this request belongs to.

    Args:
        consumer_id: the viewer's account at Zype.
        name: as Zype has it, if it has one.
        email: as Zype has it, if it could be asked.
    """

    consumer_id: str
    name: str | None
    email: str | None

    @property
    def label(self) -> str:
        """What the pages call the account."""
        return self.email or self.name or _("your account")

    @property
    def actor(self) -> Actor:
        """The viewer as the one who acts, with where this request came from."""
        return Actor(ActorKind.VIEWER, self.consumer_id, request.remote_addr or "", g.request_id)


def current_viewer() -> Viewer | None:
    """Return the viewer who is signed in, looked up once a request.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the sessions can't be read.
    """
    if "viewer" not in g:
        g.viewer = _find_viewer()
    viewer: Viewer | None = g.viewer
    return viewer


def known_viewer() -> Viewer | None:
    """Return the viewer if this request has looked them up already; it calls nothing that can fail."""
    viewer: Viewer | None = g.get("viewer")
    return viewer


def sign_in(consumer_id: str, name: str | None, email: str | None) -> None:
    """Begin a new session for a viewer, in place of any that this browser had.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: nobody is signed in.
    """
    sessions = services().sessions
    session_id = sessions.create(
        SessionKind.VIEWER, consumer_id, name=name, email=email, address=request.remote_addr or ""
    )
    sign_out()
    session[_SESSION_ID] = session_id
    g.viewer = Viewer(consumer_id, name, email)


def sign_out() -> None:
    """End the session of this browser, if it has one.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the session still lives on the server.
    """
    session_id = session.get(_SESSION_ID)
    if session_id:
        services().sessions.end(session_id)
    session.clear()
    g.viewer = None


def sign_out_everywhere(viewer: Viewer) -> None:
    """End every session of a viewer, that of this browser included.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the sessions still live on the server.
    """
    services().sessions.end_all(SessionKind.VIEWER, viewer.consumer_id)
    session.clear()
    g.viewer = None


def leave_note(note: Note) -> None:
    """Keep what the next page has to say."""
    session[_NOTE] = note


def take_note() -> str | None:
    """Return what the page before has left to say, once."""
    note: str | None = session.pop(_NOTE, None)
    return note


def remember_link(attempt_id: str) -> None:
    """Keep which attempt the page after it is about."""
    session[_LAST_LINK] = attempt_id


def last_link() -> str | None:
    """Return the attempt that linked a TV in this session."""
    attempt_id: str | None = session.get(_LAST_LINK)
    return attempt_id


def remember_next(path: str) -> None:
    """Keep where to go on after a sign-in that leads through another host."""
    session[_NEXT] = path


def forget_old_departures() -> None:
    """Keep the newest few of the sign-ins that set out for another host: a browser drops a cookie of over 4 KB."""
    departures = sorted((key for key in session if key.startswith(_DEPARTURE)), key=lambda key: session[key]["exp"])
    for key in departures[:-MOST_DEPARTURES]:
        session.pop(key)


def next_path() -> str | None:
    """Return where to go on after sign-in."""
    path: str | None = session.get(_NEXT)
    return path


def has_set_out(framework: Any, state: str | None) -> bool:
    """Tell whether this browser set out from here to a sign-in that carries this state.

    Args:
        framework: Authlib's, which keeps what belongs to a state in the session.
        state: as it came back.
    """
    return state is not None and framework.get_state_data(session, state) is not None


def depart(framework: Any, state: str, departure: dict[str, Any]) -> None:
    """Keep what has to be known when this browser comes back with a state."""
    framework.set_state_data(session, state, departure)
    forget_old_departures()


def arrive(framework: Any, state: str | None) -> dict[str, Any] | None:
    """Return what was kept for a state, once; none if this browser did not set out with it."""
    departure: dict[str, Any] | None = framework.get_state_data(session, state)
    framework.clear_state_data(session, state)
    return departure


def _find_viewer() -> Viewer | None:
    session_id = session.get(_SESSION_ID)
    found = services().sessions.find(session_id) if isinstance(session_id, str) else None
    if found is None or found.kind != SessionKind.VIEWER:
        return None
    return Viewer(found.principal_id, found.name, found.email)
