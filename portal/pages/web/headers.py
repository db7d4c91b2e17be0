"""The check of the Host header, and the security headers of every answer."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response

from portal.domain.hosts import without_default_port
from portal.pages.web.origins import ENVIRON_KEY
from portal.settings.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger("portal.web")

# Load balancers use the address, not the name.
ANY_HOST = frozenset({"/healthz", "/readyz"})
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
# Not no-referrer, with which browsers send "Origin: null" with our own forms. Other sites get no address either way.
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
# A picture that is opened by itself is a document of this origin: it may do nothing.
STATIC = (("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),)
REFUSAL = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
    ("Content-Language", "en"),
)


def secure_pages(app: Flask) -> None:
    """Set the headers of every page. Call it before what answers for static files, which have others."""
    app.wsgi_app = SameHeaders(app.wsgi_app, PAGE)  # type: ignore[method-assign]


def init_app(app: Flask, settings: Settings) -> None:
    """Refuse every host but those of PORTAL_PUBLIC_URL and PORTAL_STAFF_URL, and set the headers of every answer.

    Call it last: the host check wraps the WSGI application as it is, static files included.
    """

    app.wsgi_app = HostCheck(app.wsgi_app, settings.public_url, settings.staff_url)  # type: ignore[method-assign]
    app.wsgi_app = SameHeaders(app.wsgi_app, for_every_answer(settings))  # type: ignore[method-assign]


def for_every_answer(settings: Settings) -> list[tuple[str, str]]:
    """Return the headers of every answer, whoever gives it: a page, a static file or a refusal."""
    if settings.is_https:
        return [*COMMON, ("Strict-Transport-Security", f"max-age={YEAR_SECONDS}")]
    return list(COMMON)


def refusal(status: int, sentence: str) -> Response:
    """Return the answer to a request that reaches no page: one sentence, and nothing of what was sent."""
    phrase = HTTPStatus(status).phrase
    return Response(f"{sentence}\n", f"{status} {phrase}", REFUSAL, content_type="text/plain; charset=utf-8")


class SameHeaders:
    """WSGI middleware that adds headers to every answer of an application."""

    def __init__(self, application: "WSGIApplication", headers: Iterable[tuple[str, str]]) -> None:
        self._application = application
        self._headers = tuple(headers)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, *self._headers], *rest)

        return self._application(environ, start)


class _Host:
    """The host of one of our origins, as a Host header may write it: in any case, with or without the scheme's port."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self.name = without_default_port(parts.netloc, parts.scheme)

    def is_named(self, host: str) -> bool:
        return host == self.name or without_default_port(host, self._scheme) == self.name


class HostCheck:
    """WSGI middleware that answers requests for another host than those of the public and the staff URL with 400.

    What is for the staff URL, which may be none, is noted in the request's environ.
    """

    def __init__(self, application: "WSGIApplication", public_url: str, staff_url: str | None = None) -> None:
        self._application = application
        self._public = _Host(public_url)
        self._staff = _Host(staff_url) if staff_url else None
        # For example, localhost was typed for 127.0.0.1.
        self._refusal = refusal(400, f"This address is not served here. Open {public_url}")

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "")
        if self._public.is_named(host):
            return self._application(environ, start_response)
        if self._staff and self._staff.is_named(host):
            environ[ENVIRON_KEY] = True
            return self._application(environ, start_response)
        if environ.get("PATH_INFO") in ANY_HOST:
            environ["HTTP_HOST"] = self._public.name
            return self._application(environ, start_response)
        # So that an operator whose proxy does not pass the Host header on finds out why nothing works.
        log.warning("foreign_host", host=host[:100], expected=self._public.name, status=400)
        return self._refusal(environ, start_response)
