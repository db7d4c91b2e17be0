"""Who calls the platform API: the operator by an Admin key, an app by its App key, a consumer by their token."""

from hmac import compare_digest

from flask import abort, request

from portal.sandbox import faults
from portal.sandbox.parameters import parameter
from portal.sandbox.state import sandbox
from portal.sandbox.tokens import Token


def require_key() -> None:
    """Refuse a call without a key of either class."""
    if not _is_admin() and not _is_app():
        abort(faults.error(401))


def require_admin_key() -> None:
    """Refuse a call without the key that opens the whole property."""
    if not _is_admin():
        abort(faults.error(403 if _is_app() else 401))


def consumer_token() -> Token | None:
    """Return a consumer's own token, or None if the call has none; refuse one that is not valid."""
    bearer = request.authorization
    given = bearer.token if bearer and bearer.type == "bearer" else parameter("access_token")
    if not given:
        return None
    token = sandbox().tokens.find(given)
    if not token:
        abort(faults.error(401))
    return token


def _is_admin() -> bool:
    return _is_given("api_key", "x-zype-key", sandbox().api_key)


def _is_app() -> bool:
    return _is_given("app_key", "x-zype-app-key", sandbox().app_key)


def _is_given(name: str, header: str, key: str) -> bool:
    given = parameter(name) or request.headers.get(header, "")
    return compare_digest(given.encode(), key.encode())
