"""The client's address: from the proxies in front, in one form. Everything else reads ``request.remote_addr``."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.settings.addresses import NO_ADDRESS, client_address
from portal.settings.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger("portal.web")

FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"


def init_app(app: Flask, settings: Settings) -> None:
    """Set the client's address of every request. Call it last: it is outermost, so that all others see one address."""
    hops = settings.proxy_hops
    app.wsgi_app = ClientAddress(app.wsgi_app, hops)  # type: ignore[method-assign]
    if hops:
        trusted = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)
        app.wsgi_app = PlainForwardedFor(trusted)  # type: ignore[method-assign]


class PlainForwardedFor:
    """WSGI middleware that removes the quotes from X-Forwarded-For.

    ProxyFix reads it as a list with quoted strings. So a quote that a client sends, and no other one closes, would hide
    the commas behind it, and with them the address that the proxy adds.
    """

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if '"' in environ.get(FORWARDED_FOR, ""):
            environ[FORWARDED_FOR] = environ[FORWARDED_FOR].replace('"', "")
        return self._application(environ, start_response)


class ClientAddress:
    """WSGI middleware that writes REMOTE_ADDR in one form: the same client must not have two addresses.

    What is no address is NO_ADDRESS, and the first of these is logged: either the hops are wrong, or a proxy in front
    writes something that the portal can't read, and the limits for one address stop all of them.
    """

    def __init__(self, application: "WSGIApplication", hops: int) -> None:
        self._application = application
        self._hops = hops
        self._has_warned = False

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        address = client_address(environ.get("REMOTE_ADDR") or "")
        environ["REMOTE_ADDR"] = address
        if address == NO_ADDRESS and not self._has_warned:
            self._has_warned = True
            # Not the text itself: a client may have written it.
            log.warning("client_address_unreadable", hops=self._hops)
        return self._application(environ, start_response)
