"""The signed cookie of a browser, which is good whatever time a clock has put on it: sessions end on the server."""

from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import TimestampSigner, URLSafeTimedSerializer


class _AgelessSigner(TimestampSigner):
    """Signs as Flask's does, and accepts any age.

    Flask's refuses what was signed in the future. That is every cookie after the clock was set back, and on several
    machines one that another has signed a moment ago, if its clock is ahead.
    """

    def unsign(self, signed_value: Any, max_age: Any = None, return_timestamp: Any = False) -> Any:
        return super().unsign(signed_value, return_timestamp=return_timestamp)


class SessionCookies(SecureCookieSessionInterface):
    """Reads and writes the cookie of one application as Flask does, with that signer."""

    def __init__(self) -> None:
        self._serializer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs with the keys that the application had at its first request."""
        if self._serializer is None:
            self._serializer = super().get_signing_serializer(app)
            if self._serializer:
                self._serializer.signer = _AgelessSigner
        return self._serializer
