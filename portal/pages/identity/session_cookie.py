"""The signed cookie of a browser, which is good whatever time a clock has put on it: sessions end on the server."""

from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SessionInterface, SessionMixin
from itsdangerous import BadSignature

from portal.pages.identity.signed_json import SignedJSON

# As Flask signs its own.
_SALT, _KEY_DERIVATION = "cookie-session", "hmac"


class SessionCookies(SessionInterface):
    """Reads and writes the cookie of one application as its configuration says, which is read once."""

    def __init__(self, app: Flask) -> None:
        keys = [*(app.config["SECRET_KEY_FALLBACKS"] or ()), app.secret_key]
        self._signed = SignedJSON(keys, _SALT, _KEY_DERIVATION)
        self._name = self.get_cookie_name(app)
        self._attributes: dict[str, Any] = {
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "httponly": self.get_cookie_httponly(app),
            "samesite": self.get_cookie_samesite(app),
        }

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Return what the cookie has; nothing if it was not signed with a key of ours."""
        cookie = request.cookies.get(self._name)
        try:
            return SecureCookieSession(self._signed.loads(cookie) if cookie else None)
        except BadSignature:
            return SecureCookieSession()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie if the session was changed, and delete it if nothing is left in it."""
        if session.accessed:
            # As response.vary.add does, which parses the header.
            others = response.headers.get("Vary")
            response.headers["Vary"] = f"{others}, Cookie" if others else "Cookie"
        if not session.modified:
            return
        if session:
            response.set_cookie(self._name, self._signed.dumps(dict(session)), **self._attributes)
        else:
            response.delete_cookie(self._name, **self._attributes)
