"""Zype's consumer login: tokens for a password, an authorization code or a linked PIN; token info; revocation."""

from contextlib import suppress
from hmac import compare_digest
from typing import Any

from flask import Blueprint, Response, jsonify, request

from portal.sandbox import faults, seed
from portal.sandbox.state import sandbox
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
    """A refused request; its text is one of the codes of RFC 6749 section 5.2."""


@bp.errorhandler(OAuthRefusal)
def refused(refusal: OAuthRefusal) -> tuple[dict[str, str], int, dict[str, str]]:
    error = str(refusal)
    answer = {"error": error, "error_description": _DESCRIPTIONS[error]}
    if error in ("invalid_client", "invalid_token"):
        return answer, 401, {"WWW-Authenticate": 'Basic realm="sandbox"'}
    return answer, 400, {}


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
    client_id = _client_id()
    match _field("grant_type"):
        case "password" if "linked_device_id" in request.form:
            return _token_for_device(client_id)
        case "password":
            word = request.form.get("username", "").partition("@")[0]
            return faults.failure(word, sandbox().stopping) or _token_for_password(client_id)
        case "authorization_code":
            return _token_for_code(client_id)
        case _:
            raise OAuthRefusal("unsupported_grant_type")


@bp.get("/oauth/token/info")
def token_info() -> dict[str, Any]:
    given = request.authorization.token if request.authorization else request.args.get("access_token")
    found = sandbox().tokens.find(given or "")
    if not found:
        raise OAuthRefusal("invalid_token")
    return {
        "resource_owner_id": found.consumer_id,
        "scope": found.scope.split(),
        "expires_in": sandbox().tokens.seconds_left(found),
        "application": {"uid": found.client_id},
        "created_at": int(found.created_at.timestamp()),
    }


@bp.post("/oauth/revoke")
def revoke() -> dict[str, Any]:
    """Answer always 200, as documented; only the client that a token was issued to can revoke it."""
    with suppress(OAuthRefusal):
        sandbox().tokens.revoke(request.form.get("token", ""), _client_id())
    return {}


def _client_id() -> str:
    """Authenticate the client and return its id, or refuse it as invalid_client."""
    basic = request.authorization
    if basic and basic.type == "basic":
        client_id, secret = basic.username or "", basic.password or ""
    else:
        client_id, secret = request.form.get("client_id", ""), request.form.get("client_secret", "")
    if client_id == seed.TV_CLIENT_ID and not secret:
        return client_id
    is_secret = compare_digest(secret.encode(), sandbox().client_secret.encode())
    if client_id != sandbox().client_id or not is_secret:
        raise OAuthRefusal("invalid_client")
    return client_id


def _field(name: str) -> str:
    value = request.form.get(name, "")
    if not value:
        raise OAuthRefusal("invalid_request")
    return value


def _token_for_password(client_id: str) -> Response:
    email, password = _field("username"), _field("password")
    _require_client(client_id, sandbox().client_id)
    consumer = sandbox().store.sign_in(email, password)
    return _issued(sandbox().tokens.issue(consumer.id, client_id) if consumer else None)


def _token_for_device(client_id: str) -> Response:
    """Sign a TV in: its device id and its linked PIN take the place of user name and password."""
    _require_client(client_id, seed.TV_CLIENT_ID)
    device, pin = sandbox().store.status(_field("linked_device_id")), _field("pin")
    consumer_id = device.consumer_id if device and device.pin == pin else None
    return _issued(sandbox().tokens.issue(consumer_id, client_id) if consumer_id else None)


def _token_for_code(client_id: str) -> Response:
    fields = _field("code"), client_id, _field("redirect_uri"), _field("code_verifier")
    _require_client(client_id, sandbox().client_id)
    return _issued(sandbox().tokens.exchange(*fields))


def _require_client(client_id: str, allowed: str) -> None:
    if client_id != allowed:
        raise OAuthRefusal("unauthorized_client")


def _issued(token: Token | None) -> Response:
    """Return the answer with a token, or refuse the grant if there is none."""
    if not token:
        raise OAuthRefusal("invalid_grant")
    return jsonify(
        access_token=token.access,
        token_type="bearer",  # noqa: S106 - It names the kind of token.
        expires_in=int(TOKEN_LIFE.total_seconds()),
        refresh_token=token.refresh,
        scope=token.scope,
        created_at=int(token.created_at.timestamp()),
    )
