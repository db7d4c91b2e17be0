"""The CSRF token of a page: the secret of its session, signed for the fields of its forms."""

import hmac

from flask import Flask, current_app, g, session
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadData

from portal.pages.identity.signed_json import SignedJSON

# As Flask-WTF has them, which judges a token that is not valid here. The session's key has the name of the field.
CSRF_FIELD = "csrf_token"
_SALT = "wtf-csrf-token"
_EXTENSION = "portal-csrf-tokens"


def init_app(app: Flask) -> None:
    """Give templates the token. Flask-WTF's own function builds what signs it anew for each page."""
    app.extensions[_EXTENSION] = SignedJSON([str(app.secret_key)], _SALT)
    app.jinja_env.globals["csrf_token"] = csrf_token


def csrf_token() -> str:
    """Return the CSRF token of this page. A session that has no secret yet gets one."""
    token: str | None = g.get(CSRF_FIELD)
    if token is None:
        secret = session.get(CSRF_FIELD)
        token = g.csrf_token = _signed().dumps(secret) if secret else generate_csrf()
    return token


def is_valid(token: str) -> bool:
    """Tell whether a token was signed here, for the session of this browser."""
    secret = session.get(CSRF_FIELD)
    try:
        return secret is not None and hmac.compare_digest(secret, _signed().loads(token))
    except BadData:
        return False


def _signed() -> SignedJSON:
    signed: SignedJSON = current_app.extensions[_EXTENSION]
    return signed
