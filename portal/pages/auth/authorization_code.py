"""Signing in at Zype's own page: authorization code with PKCE, through Authlib."""

from typing import Any
from urllib.parse import urlsplit

import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import FlaskOAuth2App, OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import get_well_known_url
from flask import Flask, Response, current_app, request

from portal.domain.actors import Actor
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt
from portal.pages.auth.sign_in_attempts import SignInResult, run_attempt
from portal.pages.auth.zype_login import result_of_error, result_of_token
from portal.pages.identity.viewer import Viewer, has_pending_authorization
from portal.services import services
from portal.settings.settings import Settings
from portal.zype.deadline import Deadline
from portal.zype.errors import ContractBroken, Misconfigured, ZypeError, map_answer
from portal.zype.payloads import Token

log = structlog.get_logger("portal.auth")

CALLBACK_PATH = "/sign-in/code/callback"
METADATA_PATH = "/.well-known/oauth-authorization-server"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a token
ENDPOINTS = ("authorization_endpoint", "token_endpoint")
_EXTENSION = "portal.authorization_code"


class _Session(OAuth2Session):  # type: ignore[misc]
    """A requests session over the adapter of our client to Zype: its time-outs, its TLS and no redirects."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trust_env = services().settings.outbound_proxy
        for scheme in ("https://", "http://"):
            self.mount(scheme, services().zype.login_adapter)


class _App(FlaskOAuth2App):  # type: ignore[misc]
    client_cls = _Session


def init_app(app: Flask, settings: Settings) -> None:
    """Register the login service with Authlib."""
    app.extensions[_EXTENSION] = OAuth(app).register(
        "zype",
        client_cls=_App,
        client_id=settings.zype_client_id,
        client_secret=settings.zype_client_secret.get_secret_value(),
        server_metadata_url=get_well_known_url(settings.zype_login_url, external=True),
        client_kwargs={"scope": "consumer_profile.read", "code_challenge_method": "S256"},
    )


def check_metadata() -> dict[str, Any]:
    """Return the login service's metadata, or raise ZypeError if they are not its own (RFC 8414, section 3.3)."""
    issuer, client = services().settings.zype_login_url, _client()
    with services().zype.login_call("GET", METADATA_PATH):
        try:
            metadata: dict[str, Any] = client.load_server_metadata()
        except TypeError as error:
            raise ContractBroken("GET", METADATA_PATH, field="metadata") from error
    wrong = [name for name in ENDPOINTS if _origin(str(metadata.get(name))) != _origin(issuer)]
    if metadata.get("issuer") != issuer:
        wrong = ["issuer"]
    if wrong:
        # Authlib would keep them until the process ends, even after the login service has corrected them.
        client.server_metadata.clear()
        raise ContractBroken("GET", METADATA_PATH, field=wrong[0])
    return metadata


def authorization_request() -> Response:
    """Redirect the browser to the login service's authorization endpoint. Raises as ``check_metadata``."""
    check_metadata()
    response: Response = _client().authorize_redirect(services().settings.public_url + CALLBACK_PATH)
    return response


def callback(actor: Actor) -> SignInResult[Viewer] | None:
    """Sign in the viewer whose authorization this request brings back. Raises as ``Ledger.begin``.

    Returns none without an authorization that can be used: the viewer cancelled, or did not begin in this browser.
    """
    is_pending = has_pending_authorization(_client().framework, request.args.get("state"))
    if "error" in request.args or not request.args.get("code") or not is_pending:
        return None
    result = run_attempt(services().ledger, Attempt(Action.SIGN_IN, actor), (), _exchange)
    return None if result.outcome is SignInOutcome.WRONG else result


def _exchange() -> SignInResult[Viewer]:
    """Exchange the authorization code for a token."""
    try:
        _check_issuer(check_metadata())
        with services().zype.login_call("POST", TOKEN_PATH):
            answer: dict[str, Any] = _client().authorize_access_token()
        token = Token(answer["access_token"], answer.get("refresh_token"))
    except (OAuthError, KeyError) as error:
        refusal = map_answer("POST", TOKEN_PATH, 400, oauth_error=getattr(error, "error", None))
        if isinstance(refusal, Misconfigured):
            return result_of_error(refusal)
        # Wrong state, an authorization used twice or too late, or one that another issuer sent.
        log.warning("authorization_refused", error=type(error).__name__)
        return SignInResult(SignInOutcome.WRONG)
    except ZypeError as error:
        return result_of_error(error)
    return result_of_token(services().zype, token, Deadline(services().settings.zype_deadline))


def _client() -> Any:
    return current_app.extensions[_EXTENSION]


def _check_issuer(metadata: dict[str, Any]) -> None:
    """Raise OAuthError for an authorization that another issuer sent: RFC 9207."""
    sent = request.args.get("iss")
    is_required = metadata.get("authorization_response_iss_parameter_supported")
    if sent != metadata["issuer"] and (sent is not None or is_required):
        raise OAuthError("issuer_mismatch")


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc
