"""Signing in to the console with the operator's identity provider: OpenID Connect, authorization code with PKCE."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import ceil

import structlog
from flask import Flask, current_app, request

from portal.database.sessions import LIFETIMES
from portal.domain.actors import Actor, SessionKind
from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt, Limited
from portal.pages.auth.sign_in_attempts import by_address
from portal.pages.identity import viewer as identity
from portal.pages.identity.agent import FRESH
from portal.pages.staff_auth.oidc.claims import Claims
from portal.pages.staff_auth.oidc.errors import ProviderError, ProviderMisconfigured, ProviderRefused
from portal.pages.staff_auth.oidc.provider import LEEWAY_SECONDS, Provider
from portal.services import services
from portal.settings.settings import Settings
from portal.staff.agents import Account

log = structlog.get_logger("portal.auth")

CALLBACK_PATH = "/support/sign-in/callback"
# A proof as old as the longest session would be is none any more.
MOST_AGE = LIFETIMES[SessionKind.AGENT].absolute
LEEWAY = timedelta(seconds=LEEWAY_SECONDS)
# How long somebody may take on the provider's pages.
SECONDS_AWAY = 3600
# OpenID Connect Core, section 3.1.2.6, and RFC 6749, section 4.1.2.1: the provider refuses us, or can't answer now.
OUR_FAULTS = ("unauthorized_client", "unsupported_response_type", "invalid_scope", "invalid_request")
BUSY = ("server_error", "temporarily_unavailable")
_EXTENSION = "portal.staff_oidc"


class Problem(StrEnum):
    """Why nobody was signed in; the page has words for each."""

    STALE = "stale"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    OLD_PROOF = "old_proof"
    NO_ROLE = "no_role"
    DISABLED = "disabled"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"
    NO_AUTH_TIME = "no_auth_time"


OUTCOMES = {
    Problem.UNAVAILABLE: SignInOutcome.UNAVAILABLE,
    Problem.MISCONFIGURED: SignInOutcome.MISCONFIGURED,
    Problem.NO_AUTH_TIME: SignInOutcome.MISCONFIGURED,
}


@dataclass(frozen=True)
class Departure:
    """A sign-in that has set out from this browser.

    Args:
        nonce: that the ID token must hold.
        code_verifier: that proves to the provider who set out.
        redirect_uri: where the browser was to come back.
        next_path: where to go on afterwards.
        has_to_prove: whether a sign-in from before will not do.
        at: when it set out, in seconds since 1970 by our clock.
    """

    nonce: str
    code_verifier: str
    redirect_uri: str
    next_path: str
    has_to_prove: bool
    at: float


@dataclass(frozen=True)
class StaffArrival:
    """How a sign-in with the provider ended.

    Args:
        problem: none if an agent may be signed in.
        account: theirs.
        proved_at: when they proved to the provider who they are.
        agent_id: for the ledger, as far as it is known.
        retry_after: seconds until trying again may help, where a limit stopped it.
    """

    problem: Problem | None
    account: Account | None = None
    proved_at: datetime | None = None
    agent_id: str = ""
    retry_after: int | None = None


def init_app(app: Flask, settings: Settings) -> None:
    """Make the provider known to the portal, if there is one."""
    if settings.staff_oidc_issuer:
        app.extensions[_EXTENSION] = Provider(settings)


def set_out(next_path: str, has_to_prove: bool) -> str:
    """Return the provider's address to send the browser to, and keep what has to be known when it comes back.

    Args:
        next_path: where to go on after sign-in.
        has_to_prove: the provider must ask for the password again, or whatever it asks for, signed in there or not.

    Raises:
        ProviderError: nobody can set out.
    """
    provider = _provider()
    redirect_uri = services().settings.public_url + CALLBACK_PATH
    # With max_age a provider has to say when it last asked. Not 0: some that ask again look at it once more on the
    # way back, and would ask for ever. What counts is that the proof is newer than the departure.
    age = FRESH if has_to_prove else MOST_AGE
    prompt = {"prompt": "login"} if has_to_prove else {}
    with provider.talk() as talk:
        way = talk.departure(redirect_uri, max_age=int(age.total_seconds()), **prompt)
    departure = Departure(way["nonce"], way["code_verifier"], redirect_uri, next_path, has_to_prove, time.time())
    identity.depart(provider.framework, way["state"], vars(departure))
    return way["url"]


def arrived() -> Departure | None:
    """Return the departure that this request comes back from, once; none if there is none, or it was too long ago."""
    kept = identity.arrive(_provider().framework, request.args.get("state"))
    departure = Departure(**kept) if kept else None
    return departure if departure and time.time() - departure.at <= SECONDS_AWAY else None


def finish(departure: Departure, actor: Actor) -> StaffArrival:
    """Turn what the provider sent back with the browser into an agent.

    Args:
        departure: that the browser comes back from.
        actor: where the attempt comes from.

    Raises:
        LedgerUnavailable: the attempt or its success could not be written, so nobody is signed in.
    """
    if "error" in request.args or not request.args.get("code"):
        return StaffArrival(_turned_away())
    ledger = services().ledger
    attempt = Attempt(Action.SIGN_IN, actor)
    only = (by_address(services().settings.limit_sign_in),)
    begun = ledger.begin(attempt, only, limited_outcome=SignInOutcome.TOO_MANY)
    if isinstance(begun, Limited):
        return StaffArrival(Problem.TOO_MANY, retry_after=ceil(begun.seconds))
    arrival = _exchange(departure)
    outcome = OUTCOMES.get(arrival.problem, SignInOutcome.WRONG) if arrival.problem else SignInOutcome.SIGNED_IN
    ledger.finish(replace(attempt, actor=replace(actor, id=arrival.agent_id)), outcome)
    if arrival.problem is None and ledger.outcome(attempt.id) is None:
        raise LedgerUnavailable("nobody would know who signed in")
    return arrival


def failed(error: ProviderError) -> Problem:
    """Return what a failure of the provider means, and tell the operator."""
    if isinstance(error, ProviderRefused):
        log.warning("staff_sign_in_refused", error=str(error))
        return Problem.REFUSED
    if isinstance(error, ProviderMisconfigured):
        log.error("staff_provider_misconfigured", error=str(error))
        return Problem.MISCONFIGURED
    log.warning("staff_provider_failed", error=str(error))
    return Problem.UNAVAILABLE


def _provider() -> Provider:
    provider: Provider = current_app.extensions[_EXTENSION]
    return provider


def _turned_away() -> Problem:
    """Return why the provider sent the browser back without a code."""
    error = request.args.get("error")
    if error in OUR_FAULTS:
        return failed(ProviderMisconfigured(f"it says {error}").at("authorization"))
    return Problem.UNAVAILABLE if error in BUSY else Problem.CANCELLED


def _exchange(departure: Departure) -> StaffArrival:
    try:
        return _judge(_claims(departure), departure)
    except ProviderError as error:
        return StaffArrival(failed(error))


def _claims(departure: Departure) -> Claims:
    with _provider().talk() as talk:
        talk.check_issuer(request.args.get("iss"))
        token = talk.token(request.args["code"], departure.code_verifier, departure.redirect_uri)
        claims = Claims(talk.id_token(token, departure.nonce), {})
        if claims.subject is None:
            raise ProviderRefused("its sub can't be kept").at("ID token")
        if claims.find(services().settings.staff_oidc_role_claim) is None or claims.find("name") is None:
            claims = replace(claims, userinfo=talk.userinfo(token, claims.subject))
    return claims


def _judge(claims: Claims, departure: Departure) -> StaffArrival:
    """Return whether somebody whom the provider vouches for may come in."""
    who = claims.agent_id
    if claims.proved_at is None:
        log.error("staff_provider_misconfigured", error="ID token: it does not say when somebody signed in (auth_time)")
        return StaffArrival(Problem.NO_AUTH_TIME, agent_id=who)
    now = datetime.now(UTC)
    earliest = datetime.fromtimestamp(departure.at, UTC) if departure.has_to_prove else now - MOST_AGE
    if not earliest - LEEWAY <= claims.proved_at <= now + LEEWAY:
        return StaffArrival(Problem.OLD_PROOF, agent_id=who)
    role = claims.role(services().settings)
    if role is None:
        return StaffArrival(Problem.NO_ROLE, agent_id=who)
    account = services().agents.upsert(who, claims.name, claims.email, role)
    if account.disabled_at:
        return StaffArrival(Problem.DISABLED, agent_id=who)
    return StaffArrival(None, account, min(claims.proved_at, now), who)
