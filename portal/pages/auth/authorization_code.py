"""Signing in at Zype's own page: authorization code with PKCE, through Authlib."""

from importlib import import_module
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from flask import Flask, current_app, request

from portal.database.authorizations import Authorization, AuthorizationKind
from portal.domain.actors import Actor
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt
from portal.pages.auth import pending_authorizations
from portal.pages.auth.authorization_errors import AuthorizationRefused
from portal.pages.auth.sign_in_attempts import SignInResult, run_attempt, sign_in_address_limits
from portal.pages.auth.zype_login import result_of_error, result_of_token
from portal.pages.identity.viewer import Viewer
from portal.services import services
from portal.settings.settings import Settings
from portal.zype.deadline import Deadline
from portal.zype.errors import Busy, ContractBroken, Misconfigured, ZypeError, map_answer
from portal.zype.payloads import Token

if TYPE_CHECKING:
    from portal.pages.auth.login_client import LoginClient

log = structlog.get_logger("portal.auth")

CALLBACK_PATH = "/sign-in/code/callback"
METADATA_PATH = "/.well-known/oauth-authorization-server"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a token
ENDPOINTS = ("authorization_endpoint", "token_endpoint")
# In bytes. RFC 7636, section 4.1: a verifier has 43 characters at least, which 33 bytes are.
STATE_BYTES, VERIFIER_BYTES = 24, 36
_EXTENSION = "portal.authorization_code"


def init_app(app: Flask, settings: Settings) -> None:
    """Set up the client of the login service, if this is a way to sign in."""
    if "code" in settings.sign_in:
        # Only then is Authlib imported, which takes a tenth of the time in which the portal starts.
        app.extensions[_EXTENSION] = import_module("portal.pages.auth.login_client").make_client(app, settings)


def check_metadata() -> dict[str, Any]:
    """Return the login service's metadata, or raise ZypeError if they are not its own (RFC 8414, section 3.3)."""
    issuer, client = services().settings.zype_login_url, _client()
    with services().zype.login_call("GET", METADATA_PATH):
        try:
            metadata = client.load_server_metadata()
        except TypeError as error:
            raise ContractBroken("GET", METADATA_PATH, field="metadata") from error
    wrong = [name for name in ENDPOINTS if _origin(str(metadata.get(name))) != _origin(issuer)]
    if metadata.get("issuer") != issuer:
        wrong = ["issuer"]
    if wrong:
        # They would be kept until the process ends, even after the login service has corrected them.
        client.server_metadata = {}
        raise ContractBroken("GET", METADATA_PATH, field=wrong[0])
    return metadata


def authorization_url(next_path: str) -> str | SignInResult[Viewer]:
    """Return the URL of an authorization request, or the result that the limit of the address is reached.

    What its callback needs is stored first, so that requests are limited whether or not the login service answers.
    Raises as ``check_metadata``, and sqlalchemy.exc.SQLAlchemyError if it can't be stored.
    """
    state, code_verifier = token_urlsafe(STATE_BYTES), token_urlsafe(VERIFIER_BYTES)
    content = {"code_verifier": code_verifier}
    retry_after = pending_authorizations.begin(AuthorizationKind.VIEWER, state, next_path, content)
    if retry_after is not None:
        return SignInResult(SignInOutcome.TOO_MANY, retry_after=retry_after)
    check_metadata()
    sent = _client().create_authorization_url(_redirect_uri(), state=state, code_verifier=code_verifier)
    return str(sent["url"])


def callback(authorization: Authorization | None, actor: Actor) -> SignInResult[Viewer] | None:
    """Sign in the viewer whose authorization this request brings back. Raises as ``Ledger.begin``.

    Returns none without an authorization that can be used: the viewer cancelled, did not begin in this browser, or was
    here before.
    """
    content, code = authorization.content if authorization else None, request.args.get("code")
    if content is None or "error" in request.args or not code:
        return None
    limits = sign_in_address_limits(services().settings)
    attempt = Attempt(Action.SIGN_IN, actor)
    result = run_attempt(services().ledger, attempt, limits, lambda: _exchange(code, content["code_verifier"]))
    if result.outcome is SignInOutcome.SIGNED_IN:
        pending_authorizations.finish(AuthorizationKind.VIEWER)
    return None if result.outcome is SignInOutcome.WRONG else result


def _exchange(code: str, code_verifier: str) -> SignInResult[Viewer]:
    """Exchange an authorization code for a token, and look up whose it is."""
    try:
        with services().zype.operation("login", "POST", TOKEN_PATH):
            return _sign_in(code, code_verifier)
    except Busy as error:
        return result_of_error(error)


def _sign_in(code: str, code_verifier: str) -> SignInResult[Viewer]:
    try:
        _check_issuer(check_metadata())
        with services().zype.login_call("POST", TOKEN_PATH):
            answer = _client().exchange(_redirect_uri(), code, code_verifier)
        token = Token(answer["access_token"], answer.get("refresh_token"))
    except (AuthorizationRefused, KeyError) as error:
        refusal = map_answer("POST", TOKEN_PATH, 400, oauth_error=getattr(error, "error", None))
        if isinstance(refusal, Misconfigured):
            return result_of_error(refusal)
        # A code that was used or is too old, or one that another issuer sent.
        log.warning("authorization_refused", error=type(error).__name__)
        return SignInResult(SignInOutcome.WRONG)
    except ZypeError as error:
        return result_of_error(error)
    return result_of_token(services(), token, Deadline(services().settings.zype_deadline))


def _client() -> "LoginClient":
    client: LoginClient = current_app.extensions[_EXTENSION]
    return client


def _redirect_uri() -> str:
    return services().settings.public_url + CALLBACK_PATH


def _check_issuer(metadata: dict[str, Any]) -> None:
    """Raise AuthorizationRefused for an authorization that another issuer sent: RFC 9207."""
    sent = request.args.get("iss")
    is_required = metadata.get("authorization_response_iss_parameter_supported")
    if sent != metadata["issuer"] and (sent is not None or is_required):
        raise AuthorizationRefused("issuer_mismatch")


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc
