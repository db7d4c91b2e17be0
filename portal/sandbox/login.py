"""Zype's consumer login: tokens for a password, an authorization code or a linked PIN; token info; revocation."""

from hmac import compare_digest
from typing import Any

from flask import Blueprint, Response, jsonify, request

from portal.sandbox import faults, seed
from portal.sandbox.state import Sandbox, sandbox
from portal.sandbox.tokens import SCOPE, TOKEN_LIFE, Token

bp = Blueprint("login", __name__)

_DESCRIPTIONS = {
    "invalid_client": "Client authentication failed.",
    "invalid_grant": "The provided authorization grant is invalid, expired or revoked.",
    "invalid_request": "The request is missing a required parameter.",
    "invalid_token": "The access token is invalid, expired or revoked.",
    "unauthorized_client": "The client may not use this grant.",
    "unsupported_grant_type": "The authorization grant type is not supported.",
}


class OAuthRefusal(Exception):
    """A request that the login service refuses, by RFC 6749 section 5.2.

    Args:
        error: the code that clients decide on.
        status: the HTTP status.
    """

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


@bp.errorhandler(OAuthRefusal)
def refused(refusal: OAuthRefusal) -> Response:
    answer = jsonify(error=refusal.error, error_description=_DESCRIPTIONS[refusal.error])
    answer.status_code = refusal.status
    if refusal.status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="sandbox"'
    return answer


@bp.after_request
def keep_nothing(answer: Response) -> Response:
    """Forbid caches to keep a token (RFC 6749 section 5.1)."""
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.get("/.well-known/oauth-authorization-server")
def metadata() -> dict[str, Any]:
    origin = request.host_url.rstrip("/")
    return {
        "issuer": origin,
        "authorization_endpoint": f"{origin}/oauth/authorize",
        "token_endpoint": f"{origin}/oauth/token",
        "revocation_endpoint": f"{origin}/oauth/revoke",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "password"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "scopes_supported": [SCOPE],
        "authorization_response_iss_parameter_supported": True,
    }


@bp.post("/oauth/token")
def token() -> Response:
    box = sandbox()
    client_id = _client(box)
    match _field("grant_type"):
        case "password" if "linked_device_id" in request.form:
            return _token(_by_device(box, client_id))
        case "password":
            word = request.form.get("username", "").partition("@")[0]
            return faults.without_link(word, box.stopping) or _token(_by_password(box, client_id))
        case "authorization_code":
            return _token(_by_code(box, client_id))
        case _:
            raise OAuthRefusal("unsupported_grant_type")


@bp.get("/oauth/token/info")
def token_info() -> dict[str, Any]:
    given = request.authorization.token if request.authorization else request.args.get("access_token")
    found = sandbox().tokens.find(given or "")
    if not found:
        raise OAuthRefusal("invalid_token", 401)
    return {
        "resource_owner_id": found.consumer_id,
        "scope": found.scope.split(),
        "expires_in": sandbox().tokens.seconds_left(found),
        "application": {"uid": found.client_id},
        "created_at": int(found.created_at.timestamp()),
    }


@bp.post("/oauth/revoke")
def revoke() -> dict[str, Any]:
    """Answer 200 whatever was sent, as documented; a token goes only by the client that it belongs to."""
    box = sandbox()
    try:
        box.tokens.revoke(request.form.get("token", ""), _client(box))
    except OAuthRefusal:
        return {}
    return {}


def _client(box: Sandbox) -> str:
    """Return the id of the client that is calling, once it has shown that it is that client.

    Raises:
        OAuthRefusal: invalid_client for an unknown client or a wrong secret.
    """
    basic = request.authorization
    if basic and basic.type == "basic":
        client_id, secret = basic.username or "", basic.password or ""
    else:
        client_id, secret = request.form.get("client_id", ""), request.form.get("client_secret", "")
    if client_id == seed.TV_CLIENT_ID and not secret:
        return client_id
    same = compare_digest(secret.encode(), box.client_secret.encode())
    if client_id != box.client_id or not same:
        raise OAuthRefusal("invalid_client", 401)
    return client_id


def _field(name: str) -> str:
    value = request.form.get(name, "")
    if not value:
        raise OAuthRefusal("invalid_request")
    return value


def _by_password(box: Sandbox, client_id: str) -> Token:
    email, password = _field("username"), _field("password")
    if client_id != box.client_id:
        raise OAuthRefusal("unauthorized_client")
    found = box.store.sign_in(email, password)
    if not found:
        raise OAuthRefusal("invalid_grant")
    return box.tokens.issue(found.id, client_id)


def _by_device(box: Sandbox, client_id: str) -> Token:
    """Sign a TV in: its device id and its linked PIN stand in for user name and password."""
    if client_id != seed.TV_CLIENT_ID:
        raise OAuthRefusal("unauthorized_client")
    device = box.store.status(_field("linked_device_id"))
    if not device or not device.consumer_id or device.pin != _field("pin"):
        raise OAuthRefusal("invalid_grant")
    return box.tokens.issue(device.consumer_id, client_id)


def _by_code(box: Sandbox, client_id: str) -> Token:
    fields = _field("code"), client_id, _field("redirect_uri"), _field("code_verifier")
    if client_id != box.client_id:
        raise OAuthRefusal("unauthorized_client")
    found = box.tokens.exchange(*fields)
    if not found:
        raise OAuthRefusal("invalid_grant")
    return found


def _token(issued: Token) -> Response:
    return jsonify(
        access_token=issued.access,
        token_type="bearer",  # noqa: S106 - It names the kind of token.
        expires_in=int(TOKEN_LIFE.total_seconds()),
        refresh_token=issued.refresh,
        scope=issued.scope,
        created_at=int(issued.created_at.timestamp()),
    )
