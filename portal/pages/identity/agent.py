"""Which agent is signed in. Agents have a session cookie of their own; it opens no page for viewers, nor the reverse.

Every function but ``cached_agent`` raises sqlalchemy.exc.SQLAlchemyError if the database fails.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Response, g, request, session

from portal.database.sessions import Session
from portal.domain.actors import Actor, ActorKind, Role, SessionKind
from portal.pages.identity import pin_cookie
from portal.pages.identity.actor import request_actor
from portal.services import services
from portal.settings.settings import Settings
from portal.staff.accounts import Account

_HAS_SIGNED_OUT = "staff_signed_out"
_WAS_REFUSED = "staff_refused"
_NO_SELECTION = "staff_no_selection"
# What the cookie of the browser says of support staff, whatever viewer signs in or out there.
STAFF_MARKS = (_HAS_SIGNED_OUT, _WAS_REFUSED, _NO_SELECTION)
# For this long after a sign-in an agent may do what can't be undone.
FRESH = timedelta(minutes=5)


@dataclass(frozen=True)
class Agent:
    """The agent whose session this request belongs to, with the id that the ledger has and the role as of now."""

    id: str
    name: str
    role: Role
    is_fresh: bool
    has_to_change_password: bool = False

    @property
    def is_supervisor(self) -> bool:
        """Whether they may read and export the history of all agents."""
        return self.role is Role.SUPERVISOR

    @property
    def actor(self) -> Actor:
        """The agent as an actor, with the address of this request."""
        return request_actor(ActorKind.AGENT, self.id)


def current_agent() -> Agent | None:
    """Return the agent who is signed in and not disabled, looked up once a request."""
    if "agent" not in g:
        g.agent = _find_agent()
    return cached_agent()


def cached_agent() -> Agent | None:
    """Return the agent if this request has looked them up already; this can't fail."""
    agent: Agent | None = g.get("agent")
    return agent


def has_session() -> bool:
    """Tell whether an agent is signed in, or has given the password and not yet the second factor."""
    return current_agent() is not None or pending_agent() is not None


def last_agent_id() -> str | None:
    """Return the id of the agent who is signed in, or who was until this browser's session was idle for too long."""
    session_id = request.cookies.get(_name(services().settings))
    return services().sessions.last_principal(SessionKind.AGENT, session_id) if session_id else None


def pending_agent() -> Account | None:
    """Return the account whose password was given and whose second factor is missing; none for a disabled account."""
    session = _session(SessionKind.PENDING_AGENT)
    return _account(session) if session else None


def begin_pending(response: Response, account: Account, password_hash: str) -> bool:
    """Begin the session of an agent whose password was right and whose second factor is missing; return whether it did.

    It does not if a reset came in between: that ends only sessions that exist, so the hash of the password that was
    right is compared once more after this one does.
    """
    session_id = _create(account, SessionKind.PENDING_AGENT)
    if not services().agents.has_password_hash(account.id, password_hash):
        services().sessions.end(session_id)
        return False
    _replace_session(response, session_id)
    return True


def complete_pending(response: Response, account: Account) -> bool:
    """Begin the session of an agent whose second factor was right, in place of the pending one; return whether it did.

    It does not if the pending one was ended meanwhile, by a reset or from elsewhere.
    """
    session_id = _create(account, SessionKind.AGENT)
    if not _end_session():
        services().sessions.end(session_id)
        return False
    _replace_session(response, session_id)
    return True


def begin(response: Response, account: Account, authenticated_at: datetime | None = None) -> None:
    """Begin the session of an agent whom the identity provider authenticated, in place of the one of this browser."""
    _replace_session(response, _create(account, SessionKind.AGENT, authenticated_at))


def has_signed_out() -> bool:
    """Tell whether an agent has signed out here, and none has signed in since."""
    return bool(session.get(_HAS_SIGNED_OUT))


def remember_refusal() -> None:
    """Keep that the identity provider signed somebody in who may not come in here."""
    session[_WAS_REFUSED] = True


def was_refused() -> bool:
    """Tell whether the last agent whom the identity provider signed in here was refused."""
    return bool(session.get(_WAS_REFUSED))


def has_to_choose_account() -> bool:
    """Tell whether the identity provider has to ask who it is: it may still know whoever was here before."""
    return has_signed_out() or was_refused()


def remember_no_selection() -> None:
    """Keep that the identity provider of this browser lets nobody choose an account."""
    session[_NO_SELECTION] = True


def has_no_selection() -> bool:
    """Tell whether the identity provider is known to let nobody choose an account."""
    return bool(session.get(_NO_SELECTION))


def end(response: Response) -> None:
    """End the session of this browser, if it has one. An identity provider may still know the agent."""
    if _name(services().settings) in request.cookies:
        session[_HAS_SIGNED_OUT] = True
    _end_session()
    pin_cookie.staff.forget(response)
    settings = services().settings
    response.delete_cookie(_name(settings), secure=settings.is_https, httponly=True, samesite="Lax")


def end_others(agent: Agent) -> None:
    """End every session of an agent but the one of this browser."""
    services().agents.end_sessions(agent.id, keep=request.cookies.get(_name(services().settings)))


def _create(account: Account, kind: SessionKind, authenticated_at: datetime | None = None) -> str:
    return services().sessions.create(
        kind,
        account.id,
        name=account.name,
        email=account.email,
        address=request.remote_addr or "",
        authenticated_at=authenticated_at,
    )


def _replace_session(response: Response, session_id: str) -> None:
    """Set the cookie of a new session, in place of the one that this browser had."""
    session.pop(_HAS_SIGNED_OUT, None)
    session.pop(_WAS_REFUSED, None)
    _end_session()
    pin_cookie.staff.forget(response)
    settings = services().settings
    response.set_cookie(_name(settings), session_id, secure=settings.is_https, httponly=True, samesite="Lax")


def _end_session() -> bool:
    """End the session that this browser had, and tell whether it was still there."""
    session_id = request.cookies.get(_name(services().settings))
    g.agent = None
    return bool(session_id) and services().sessions.end(session_id or "")


def _find_agent() -> Agent | None:
    session = _session(SessionKind.AGENT)
    account = _account(session) if session else None
    if session is None or account is None:
        return None
    is_fresh = services().sessions.time_since_authentication(session) <= FRESH
    return Agent(account.id, account.name, account.role, is_fresh, account.has_to_change_password)


def _session(kind: SessionKind) -> Session | None:
    session_id = request.cookies.get(_name(services().settings))
    found = services().sessions.find(session_id) if session_id else None
    return found if found and found.kind is kind else None


def _account(session: Session) -> Account | None:
    account = services().agents.find(session.principal_id)
    return account if account and account.disabled_at is None else None


def _name(settings: Settings) -> str:
    return settings.cookie_name("activate-staff")
