"""Signing in to the console with the operator's identity provider: OpenID Connect, authorization code with PKCE."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from math import ceil
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, current_app, request

from portal.database.authorizations import Authorization, AuthorizationKind
from portal.domain.actors import Actor
from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt, RateLimited
from portal.pages.auth import pending_authorizations
from portal.pages.auth.sign_in_attempts import sign_in_address_limits
from portal.pages.identity import agent as identity
from portal.pages.identity.agent import FRESH
from portal.pages.staff_auth.oidc import sign_out
from portal.pages.staff_auth.oidc.admission import MAX_AGE, admit
from portal.pages.staff_auth.oidc.claims import Claims
from portal.pages.staff_auth.oidc.errors import ProviderError, ProviderMisconfigured, ProviderUnavailable
from portal.pages.staff_auth.oidc.problems import Problem, ProviderSignIn, problem_of, refused
from portal.services import services
from portal.settings.settings import Settings

if TYPE_CHECKING:
    from portal.pages.staff_auth.oidc.provider import Provider

log = structlog.get_logger("portal.staff_auth")

CALLBACK_PATH = "/support/sign-in/callback"
# RFC 7636, section 4.1: a code verifier has 43 characters at least, which 33 bytes are.
TOKEN_BYTES = 36
# OpenID Connect Core, section 3.1.2.6, and RFC 6749, section 4.1.2.1: the provider refuses us, or can't answer now.
CLIENT_ERRORS = ("unauthorized_client", "unsupported_response_type", "invalid_scope", "invalid_request")
SELECT_ACCOUNT = "select_account"
TEMPORARY_ERRORS = ("server_error", "temporarily_unavailable")
# The agent cancelled, or the provider refuses them.
REFUSALS = (
    *("access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required"),
    "unmet_authentication_requirements",
)
_EXTENSION = "portal.staff_oidc"


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


def init_app(app: Flask, settings: Settings) -> None:
    """Set up the provider, if the settings name one."""
    if settings.staff_oidc_issuer:
        # Only then is Authlib imported, which takes a tenth of the time in which the portal starts.
        app.extensions[_EXTENSION] = import_module("portal.pages.staff_auth.oidc.provider").Provider(settings)


def authorization_url(next_path: str, reauthenticate: bool) -> str | ProviderSignIn:
    """Return the URL of an authorization request, or the problem that the limit of the address is reached.

    What its callback needs is stored first, so that requests are limited whether or not the provider answers. To
    reauthenticate, the provider must authenticate the agent again, even if they are signed in there. Raises as
    ``Provider.client``, and sqlalchemy.exc.SQLAlchemyError if it can't be stored.
    """
    redirect_uri = services().settings.console_url + CALLBACK_PATH
    state, nonce, code_verifier = (token_urlsafe(TOKEN_BYTES) for _ in range(3))
    pending = PendingAuthorization(nonce, code_verifier, redirect_uri, next_path, reauthenticate, time.time())
    retry_after = pending_authorizations.begin(AuthorizationKind.AGENT, state, next_path, vars(pending))
    if retry_after is not None:
        return ProviderSignIn(Problem.TOO_MANY, retry_after=retry_after)
    # With max_age a provider has to send auth_time. Not 0: some providers check it a second time before they redirect
    # back, and would ask for ever. What counts is that auth_time is later than the request.
    max_age = FRESH if reauthenticate else MAX_AGE
    secrets = {"state": state, "nonce": nonce, "code_verifier": code_verifier}
    with _provider().client() as client:
        wishes = _wishes(reauthenticate, client.metadata)
        return client.authorization_url(redirect_uri, max_age=int(max_age.total_seconds()), **secrets, **wishes)


def end_session_url(path: str) -> str | None:
    """Return where the provider signs this browser out and sends it to a path of ours, if it can. Raises as above."""
    return sign_out.end_session_url(_provider(), path)


def _wishes(reauthenticate: bool, metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return what the provider is asked for beyond a sign-in."""
    contexts = " ".join(services().settings.staff_oidc_acr)
    wishes = {"acr_values": contexts} if contexts else {}
    if not reauthenticate and not identity.has_to_choose_account():
        return wishes
    prompts = metadata.get("prompt_values_supported") or [SELECT_ACCOUNT]
    can_select = SELECT_ACCOUNT in prompts and not identity.has_no_selection()
    return wishes | {"prompt": SELECT_ACCOUNT if can_select and not reauthenticate else "login"}


def lacks_selection(pending: PendingAuthorization) -> bool:
    """Tell whether the provider seems to have refused the request because it lets nobody choose an account.

    Its metadata need not say so, and its error does not: all that is known is that we asked for it.
    """
    has_asked = identity.has_to_choose_account() and not pending.reauthenticate and not identity.has_no_selection()
    return has_asked and request.args.get("error") == "invalid_request"


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


def _result(pending: PendingAuthorization) -> ProviderSignIn:
    if "error" in request.args or not request.args.get("code"):
        return _error_response()
    try:
        return admit(_claims(pending), pending.requested_at if pending.reauthenticate else None)
    except ProviderError as error:
        return ProviderSignIn(problem_of(error))


def _provider() -> "Provider":
    provider: Provider = current_app.extensions[_EXTENSION]
    return provider


def _error_response() -> ProviderSignIn:
    """Return the result where the provider sent the browser back without a code."""
    error = request.args.get("error")
    if error in CLIENT_ERRORS:
        return ProviderSignIn(problem_of(ProviderMisconfigured(f"it says {error}").at("authorization")))
    if error in TEMPORARY_ERRORS:
        return ProviderSignIn(problem_of(ProviderUnavailable(f"it says {error}").at("authorization")))
    # Any other text may be anybody's.
    said = error if error in REFUSALS else "error"
    agent = identity.current_agent()
    return refused(Problem.CANCELLED, agent.id if agent else "", f"authorization: it says {said}")


def _claims(pending: PendingAuthorization) -> Claims:
    with _provider().client() as client:
        client.check_issuer(request.args.get("iss"))
        token = client.token(request.args["code"], pending.code_verifier, pending.redirect_uri)
        claims = Claims(client.id_token(token, pending.nonce), {})
        needs_role = claims.find(services().settings.staff_oidc_role_claim) is None
        if not needs_role and claims.find("name") is not None:
            return claims
        try:
            return replace(claims, userinfo=client.userinfo(token, claims.subject))
        except ProviderError as error:
            if needs_role:
                raise
            # The pages show another claim in place of the name.
            log.warning("staff_name_not_read", error=str(error))
            return claims
