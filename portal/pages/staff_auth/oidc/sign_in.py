"""Signing in to the console with the operator's identity provider: OpenID Connect, authorization code with PKCE."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Self

import structlog
from authlib.common.security import generate_token
from flask import Flask, current_app, request

from portal.database.authorizations import Authorization, AuthorizationKind
from portal.database.sessions import LIFETIMES
from portal.domain.actors import Actor, SessionKind
from portal.domain.errors import AccountError, LedgerUnavailable
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt, RateLimited
from portal.pages.auth import pending_authorizations
from portal.pages.auth.sign_in_attempts import sign_in_address_limits
from portal.pages.identity import agent as identity
from portal.pages.identity.agent import FRESH
from portal.pages.staff_auth.oidc import sign_out
from portal.pages.staff_auth.oidc.claims import Claims
from portal.pages.staff_auth.oidc.errors import ProviderError, ProviderMisconfigured, ProviderRefused
from portal.pages.staff_auth.oidc.provider import LEEWAY_SECONDS, Provider
from portal.services import services
from portal.settings.settings import Settings
from portal.staff.accounts import Account

log = structlog.get_logger("portal.staff_auth")

CALLBACK_PATH = "/support/sign-in/callback"
# A sign-in at the provider may be as old as the longest session of an agent.
MAX_AGE = LIFETIMES[SessionKind.AGENT].absolute
LEEWAY = timedelta(seconds=LEEWAY_SECONDS)
# RFC 7636, section 4.1: a code verifier has 43 characters at least.
TOKEN_LENGTH = 48
# OpenID Connect Core, section 3.1.2.6, and RFC 6749, section 4.1.2.1: the provider refuses us, or can't answer now.
CLIENT_ERRORS = ("unauthorized_client", "unsupported_response_type", "invalid_scope", "invalid_request")
TEMPORARY_ERRORS = ("server_error", "temporarily_unavailable")
_EXTENSION = "portal.staff_oidc"


class Problem(StrEnum):
    """Why no agent was signed in, with the status of the page that says so and the outcome in the ledger."""

    STALE = "stale", 400
    NO_COOKIES = "no_cookies", 400
    CANCELLED = "cancelled", 200, SignInOutcome.REFUSED
    REFUSED = "refused", 400
    TOO_OLD = "old_proof", 403, SignInOutcome.REFUSED
    NO_ROLE = "no_role", 403, SignInOutcome.REFUSED
    DISABLED = "disabled", 403, SignInOutcome.REFUSED
    WEAK = "weak", 403, SignInOutcome.REFUSED
    TOO_MANY = "too_many", 429
    UNAVAILABLE = "unavailable", 503, SignInOutcome.UNAVAILABLE
    MISCONFIGURED = "misconfigured", 503, SignInOutcome.MISCONFIGURED
    NO_AUTH_TIME = "no_auth_time", 503, SignInOutcome.MISCONFIGURED

    status: int
    outcome: SignInOutcome

    def __new__(cls, value: str, status: int, outcome: SignInOutcome = SignInOutcome.WRONG) -> Self:
        """Return a member whose value is the text alone."""
        member = str.__new__(cls, value)
        member._value_, member.status, member.outcome = value, status, outcome
        return member


@dataclass(frozen=True)
class PendingAuthorization:
    """An authorization request whose answer this browser has not brought back yet.

    Args:
        nonce: that the ID token must contain.
        code_verifier: that the token request must contain: PKCE.
        redirect_uri: of the authorization request; that of the token request must be the same.
        next_path: where to go on afterwards.
        reauthenticate: whether the provider had to authenticate the agent again.
        requested_at: in seconds since 1970 by our clock.
    """

    nonce: str
    code_verifier: str
    redirect_uri: str
    next_path: str
    reauthenticate: bool
    requested_at: float


@dataclass(frozen=True)
class ProviderSignIn:
    """How a sign-in with the provider ended: with a problem or an account. retry_after is in seconds."""

    problem: Problem | None
    agent_id: str = ""
    account: Account | None = None
    authenticated_at: datetime | None = None
    retry_after: int | None = None


def init_app(app: Flask, settings: Settings) -> None:
    """Set up the provider, if the settings name one."""
    if settings.staff_oidc_issuer:
        app.extensions[_EXTENSION] = Provider(settings)


def authorization_url(next_path: str, reauthenticate: bool) -> str | ProviderSignIn:
    """Return the URL of an authorization request, or the problem that the limit of the address is reached.

    What its callback needs is stored first, so that requests are limited whether or not the provider answers. To
    reauthenticate, the provider must authenticate the agent again, even if they are signed in there. Raises as
    ``Provider.client``, and sqlalchemy.exc.SQLAlchemyError if it can't be stored.
    """
    redirect_uri = services().settings.console_url + CALLBACK_PATH
    state, nonce, code_verifier = (generate_token(TOKEN_LENGTH) for _ in range(3))
    pending = PendingAuthorization(nonce, code_verifier, redirect_uri, next_path, reauthenticate, time.time())
    retry_after = pending_authorizations.begin(AuthorizationKind.AGENT, state, next_path, vars(pending))
    if retry_after is not None:
        return ProviderSignIn(Problem.TOO_MANY, retry_after=retry_after)
    # With max_age a provider has to send auth_time. Not 0: some providers check it a second time before they redirect
    # back, and would ask for ever. What counts is that auth_time is later than the request.
    max_age = FRESH if reauthenticate else MAX_AGE
    secrets = {"state": state, "nonce": nonce, "code_verifier": code_verifier}
    with _provider().client() as client:
        return client.authorization_url(
            redirect_uri, max_age=int(max_age.total_seconds()), **secrets, **_wishes(reauthenticate)
        )


def end_session_url(path: str) -> str | None:
    """Return where the provider signs this browser out and sends it to a path of ours, if it can. Raises as above."""
    return sign_out.end_session_url(_provider(), path)


def _wishes(reauthenticate: bool) -> dict[str, str]:
    """Return what the provider is asked for beyond a sign-in."""
    contexts = " ".join(services().settings.staff_oidc_acr)
    wishes = {"acr_values": contexts} if contexts else {}
    if reauthenticate:
        return wishes | {"prompt": "login"}
    # Whoever signed out here may still be signed in there.
    return wishes | ({"prompt": "select_account"} if identity.has_signed_out() else {})


def pending_of(authorization: Authorization | None) -> PendingAuthorization | None:
    """Return the authorization request of what a callback brought back; none if it may not be finished."""
    stored = authorization.content if authorization else None
    # Another version of the portal may have stored other fields.
    if not stored or stored.keys() != PendingAuthorization.__dataclass_fields__.keys():
        return None
    return PendingAuthorization(**stored)


def callback(pending: PendingAuthorization, actor: Actor) -> ProviderSignIn:
    """Sign in the agent whose authorization this request brings back.

    Raises:
        LedgerUnavailable: the attempt or its success could not be written, so nobody is signed in.
    """
    ledger = services().ledger
    attempt = Attempt(Action.SIGN_IN, actor)
    begun = ledger.begin(attempt, sign_in_address_limits(services().settings))
    if isinstance(begun, RateLimited):
        return ProviderSignIn(Problem.TOO_MANY, retry_after=ceil(begun.retry_after))
    result = _result(pending)
    outcome = result.problem.outcome if result.problem else SignInOutcome.SIGNED_IN
    ledger.finish(replace(attempt, actor=replace(actor, id=result.agent_id)), outcome)
    if result.problem is None and services().history.outcome(attempt.id) is None:
        raise LedgerUnavailable("the success could not be written")
    if result.problem is None:
        pending_authorizations.finish(AuthorizationKind.AGENT)
    return result


def problem_of(error: ProviderError) -> Problem:
    """Return the problem to show for an error of the provider, and log the error for the operator."""
    if isinstance(error, ProviderRefused):
        log.warning("staff_sign_in_refused", error=str(error))
        return Problem.REFUSED
    if isinstance(error, ProviderMisconfigured):
        log.error("staff_provider_misconfigured", error=str(error))
        return Problem.MISCONFIGURED
    log.warning("staff_provider_failed", error=str(error))
    return Problem.UNAVAILABLE


def _result(pending: PendingAuthorization) -> ProviderSignIn:
    if "error" in request.args or not request.args.get("code"):
        return ProviderSignIn(_problem_of_error_response())
    try:
        return _sign_in(_claims(pending), pending)
    except ProviderError as error:
        return ProviderSignIn(problem_of(error))


def _provider() -> Provider:
    provider: Provider = current_app.extensions[_EXTENSION]
    return provider


def _problem_of_error_response() -> Problem:
    """Return the problem where the provider sent the browser back without a code."""
    error = request.args.get("error")
    if error in CLIENT_ERRORS:
        return problem_of(ProviderMisconfigured(f"it says {error}").at("authorization"))
    return Problem.UNAVAILABLE if error in TEMPORARY_ERRORS else Problem.CANCELLED


def _claims(pending: PendingAuthorization) -> Claims:
    with _provider().client() as client:
        client.check_issuer(request.args.get("iss"))
        token = client.token(request.args["code"], pending.code_verifier, pending.redirect_uri)
        claims = Claims(client.id_token(token, pending.nonce), {})
        if claims.find(services().settings.staff_oidc_role_claim) is None or claims.find("name") is None:
            return replace(claims, userinfo=client.userinfo(token, claims.subject))
    return claims


def _sign_in(claims: Claims, pending: PendingAuthorization) -> ProviderSignIn:
    """Decide whether the agent of these claims may sign in, and store their account if so."""
    agents = services().agents
    agent_id = agents.oidc_id(claims.issuer, claims.subject)
    if claims.authenticated_at is None:
        log.error("staff_provider_misconfigured", error="ID token: it does not say when somebody signed in (auth_time)")
        return ProviderSignIn(Problem.NO_AUTH_TIME, agent_id)
    now = datetime.now(UTC)
    earliest = datetime.fromtimestamp(pending.requested_at, UTC) if pending.reauthenticate else now - MAX_AGE
    if not earliest - LEEWAY <= claims.authenticated_at <= now + LEEWAY:
        return ProviderSignIn(Problem.TOO_OLD, agent_id)
    if not claims.is_strong_enough(services().settings):
        return ProviderSignIn(Problem.WEAK, agent_id)
    role = claims.role(services().settings)
    if role is None:
        return ProviderSignIn(Problem.NO_ROLE, agent_id)
    try:
        account = agents.upsert(claims.issuer, claims.subject, claims.name, claims.email, role)
    except AccountError:
        return ProviderSignIn(Problem.REFUSED)
    if account.disabled_at:
        return ProviderSignIn(Problem.DISABLED, account.id)
    return ProviderSignIn(None, account.id, account, min(claims.authenticated_at, now))
