"""Whether the agent whom the identity provider authenticated may sign in here."""

from datetime import UTC, datetime, timedelta

import structlog

from portal.database.sessions import LIFETIMES
from portal.domain.actors import SessionKind
from portal.domain.errors import AccountError
from portal.pages.staff_auth.oidc.claims import LEEWAY_SECONDS, Claims
from portal.pages.staff_auth.oidc.problems import Problem, ProviderSignIn, refused
from portal.services import services

log = structlog.get_logger("portal.staff_auth")

# A sign-in at the provider may be as old as the longest session of an agent.
MAX_AGE = LIFETIMES[SessionKind.AGENT].absolute
LEEWAY = timedelta(seconds=LEEWAY_SECONDS)


def admit(claims: Claims, requested_at: float | None) -> ProviderSignIn:
    """Decide whether the agent of these claims may sign in, and store their account if so.

    Args:
        claims: of a validated ID token.
        requested_at: in seconds since 1970 by our clock, if the authentication has to be newer than the request.
    """
    agents, settings = services().agents, services().settings
    agent_id = agents.oidc_id(claims.issuer, claims.subject)
    if claims.authenticated_at is None:
        log.error("staff_provider_misconfigured", error="ID token: it does not say when somebody signed in (auth_time)")
        return ProviderSignIn(Problem.NO_AUTH_TIME, agent_id)
    if reason := _wrong_time(claims.authenticated_at, requested_at):
        return refused(Problem.TOO_OLD, agent_id, reason)
    if reason := claims.weakness(settings):
        return refused(Problem.WEAK, agent_id, reason)
    role = claims.role(settings)
    if role is None:
        return refused(Problem.NO_ROLE, agent_id, claims.missing_role(settings))
    try:
        account = agents.upsert(claims.issuer, claims.subject, claims.name, claims.email, role)
    except AccountError as error:
        return refused(Problem.REFUSED, "", f"account: {error}")
    if account.disabled_at:
        return refused(Problem.DISABLED, account.id, "account: it is disabled here")
    return ProviderSignIn(None, account.id, account, min(claims.authenticated_at, datetime.now(UTC)))


def _wrong_time(authenticated_at: datetime, requested_at: float | None) -> str | None:
    """Return what is wrong with the time of an authentication, or none."""
    now = datetime.now(UTC)
    if authenticated_at > now + LEEWAY:
        return "auth_time: it is in the future: is a clock wrong?"
    if requested_at is None:
        return "auth_time: the authentication is too old" if authenticated_at < now - MAX_AGE - LEEWAY else None
    is_older = authenticated_at < datetime.fromtimestamp(requested_at, UTC) - LEEWAY
    return "auth_time: the authentication is older than the request for a new one" if is_older else None
