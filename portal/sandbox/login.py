"""Zype's consumer login: tokens for a password, an authorization code or a linked PIN; token info; revocation."""

from contextlib import suppress
from hmac import compare_digest
from typing import Any

from flask import Blueprint, Response, jsonify, request

from portal.sandbox import cross_origin, faults, seed
from portal.sandbox.parameters import field
from portal.sandbox.state import sandbox
from portal.sandbox.tokens import SCOPE, TOKEN_LIFE, Token

bp = Blueprint("login", __name__)
bp.after_request(cross_origin.allow)

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
    """Return what Zype's login service tells of itself, with this sandbox as the issuer, and RFC 9207's parameter."""
    origin = request.host_url.rstrip("/")
    return {
        "issuer": origin,
        "authorization_endpoint": f"{origin}/oauth/authorize",
        "token_endpoint": f"{origin}/oauth/token",
        "introspection_endpoint": f"{origin}/oauth/introspect",
        "revocation_endpoint": f"{origin}/oauth/revoke",
        "scopes_supported": [SCOPE],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "client_credentials", "password", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "service_documentation": "https://docs.zype.com",
    }


@bp.post("/oauth/token")
def token() -> Response:
    client_id = _client_id()
    match _required("grant_type"):
        case "password" if field("linked_device_id"):
            return _token_for_device(client_id)
        case "password":
            word = field("username").partition("@")[0]
            return faults.failure(word, sandbox().stopping) or _token_for_password(client_id)
        case "authorization_code":
            return _token_for_code(client_id)
        case "refresh_token":
            return _issued(sandbox().tokens.refresh(_required("refresh_token"), client_id))
        case "client_credentials":
            _require_client(client_id, sandbox().client_id)
            return _issued(sandbox().tokens.issue(None, client_id))
        case _:
            raise OAuthRefusal("unsupported_grant_type")


@bp.get("/oauth/token/info")
def token_info() -> dict[str, Any]:
    """Tell of a token, by the names of today and the older ones."""
    given = request.authorization.token if request.authorization else request.args.get("access_token")
    found = sandbox().tokens.find(given or "")
    if not found:
        raise OAuthRefusal("invalid_token")
    scopes, seconds = found.scope.split(), sandbox().tokens.seconds_left(found)
    return {
        "resource_owner_id": found.consumer_id,
        "scope": scopes,
        "scopes": scopes,
        "expires_in": seconds,
        "expires_in_seconds": seconds,
        "application": {"uid": found.client_id},
        "created_at": int(found.created_at.timestamp()),
    }


@bp.post("/oauth/introspect")
def introspect() -> dict[str, Any]:
    """Tell a client whether a token is valid (RFC 7662); of another client's token no more than that it is not."""
    client_id, found = _client_id(), sandbox().tokens.find(field("token"))
    if not found or found.client_id != client_id:
        return {"active": False}
    issued = int(found.created_at.timestamp())
    return {
        "active": True,
        "scope": found.scope,
        "client_id": client_id,
        "token_type": "bearer",
        "iat": issued,
        "exp": issued + int(TOKEN_LIFE.total_seconds()),
    }


@bp.post("/oauth/revoke")
def revoke() -> dict[str, Any]:
    """Answer always 200, as documented; only the client that a token was issued to can revoke it."""
    with suppress(OAuthRefusal):
        sandbox().tokens.revoke(field("token"), _client_id())
    return {}


def _client_id() -> str:
    """Authenticate the client and return its id, or refuse it as invalid_client."""
    basic = request.authorization
    if basic and basic.type == "basic":
        client_id, secret = basic.username or "", basic.password or ""
    else:
        client_id, secret = field("client_id"), field("client_secret")
    if client_id == seed.TV_CLIENT_ID and not secret:
        return client_id
    is_secret = compare_digest(secret.encode(), sandbox().client_secret.encode())
    if client_id != sandbox().client_id or not is_secret:
        raise OAuthRefusal("invalid_client")
    return client_id


def _required(name: str) -> str:
    value = field(name)
    if not value:
        raise OAuthRefusal("invalid_request")
    return value


def _token_for_password(client_id: str) -> Response:
    email, password = _required("username"), _required("password")
    consumer = sandbox().passwords.sign_in(email, password)
    return _issued(sandbox().tokens.issue(consumer.id, client_id) if consumer else None)


def _token_for_device(client_id: str) -> Response:
    """Sign a TV in: its device id and its linked PIN take the place of user name and password."""
    device, pin = sandbox().store.status(_required("linked_device_id")), _required("pin")
    consumer_id = device.consumer_id if device and device.pin == pin else None
    token = device and consumer_id and sandbox().tokens.issue(consumer_id, client_id, device.linked_device_id)
    return _issued(token or None)


def _token_for_code(client_id: str) -> Response:
    fields = _required("code"), client_id, _required("redirect_uri"), _required("code_verifier")
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
