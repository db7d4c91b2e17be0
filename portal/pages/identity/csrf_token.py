"""The CSRF token of a page: the secret of its session, signed for the fields of its forms."""

import hmac
import secrets

from flask import g, session
from itsdangerous import BadData

from portal.pages.identity.signed_json import SignedJSON

# As Flask-WTF has them, which judges a token that is not valid here. The session's key has the name of the field.
CSRF_FIELD = "csrf_token"
_SALT = "wtf-csrf-token"


class CSRFTokens:
    """Signs tokens with the key of one application. Flask-WTF builds what signs them anew for each."""

    def __init__(self, key: str) -> None:
        self._signed = SignedJSON([key], _SALT)

    def of_page(self) -> str:
        """Return the token of this page. A session that has no secret yet gets one."""
        token: str | None = g.get(CSRF_FIELD)
        if token is None:
            secret = session.get(CSRF_FIELD)
            if not secret:
                secret = session[CSRF_FIELD] = secrets.token_hex(20)
            token = self._signed.dumps(secret)
            setattr(g, CSRF_FIELD, token)
        return token

    def is_valid(self, token: str) -> bool:
        """Tell whether a token was signed here, for the session of this browser."""
        secret = session.get(CSRF_FIELD)
        try:
            return secret is not None and hmac.compare_digest(secret, self._signed.loads(token))
        except BadData:
            return False
