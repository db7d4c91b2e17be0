"""Which hosts the portal answers to, and what every answer tells the browser to refuse."""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response

from portal.settings.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger("portal.web")

# Load balancers ask by address, not by name.
ANY_HOST = frozenset({"/healthz", "/readyz"})
PORTS = {"http": ":80", "https": ":443"}
YEAR_SECONDS = 365 * 24 * 60 * 60

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
# Not no-referrer, with which browsers send "Origin: null" with our own forms. Nobody else learns an address either way.
COMMON = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
PAGE = (
    ("Content-Security-Policy", POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("Cache-Control", "no-store"),
)
# A picture that somebody opens by itself is a document of this origin: it may do nothing.
STATIC = (("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),)


def init_app(app: Flask, settings: Settings) -> None:
    """Answer to PORTAL_PUBLIC_URL's host alone, and put the security headers on every page.

    Args:
        app: whose WSGI application so far, static files included, is kept behind the host check.
        settings: say how viewers reach the portal.
    """
    headers = [*for_every_answer(settings), *PAGE]

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.extend(headers)
        return response

    app.wsgi_app = HostCheck(app.wsgi_app, settings.public_url)  # type: ignore[method-assign]


def for_every_answer(settings: Settings) -> list[tuple[str, str]]:
    """Return the headers of pages and static files alike."""
    if settings.is_https:
        return [*COMMON, ("Strict-Transport-Security", f"max-age={YEAR_SECONDS}")]
    return list(COMMON)


class HostCheck:
    """Refuses a foreign Host before anything else looks at the request.

    Args:
        application: what answers everybody else.
        public_url: the origin at which viewers reach the portal.
    """

    def __init__(self, application: "WSGIApplication", public_url: str) -> None:
        self._application = application
        parts = urlsplit(public_url.lower())
        self._default_port = PORTS[parts.scheme]
        self._host = parts.netloc.removesuffix(self._default_port)
        # Whoever gets this may have typed localhost for 127.0.0.1.
        self._body = f"This address is not served here. Open {public_url}\n".encode()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer as WSGI says."""
        host = environ.get("HTTP_HOST", "")
        if host == self._host or host.lower().removesuffix(self._default_port) == self._host:
            return self._application(environ, start_response)
        if environ.get("PATH_INFO") in ANY_HOST:
            environ["HTTP_HOST"] = self._host
            return self._application(environ, start_response)
        # An operator whose proxy does not pass the Host on must find out why nothing works.
        log.warning("foreign_host", host=host[:100], expected=self._host, status=400)
        start_response(
            "400 Bad Request",
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", str(len(self._body))),
                ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
                ("X-Content-Type-Options", "nosniff"),
                ("Cache-Control", "no-store"),
            ],
        )
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [self._body]
