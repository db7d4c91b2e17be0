"""The sandbox's application factory."""

from flask import Flask, Response, request
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from portal.sandbox import api, authenticator, authorize, faults, forgotten_password, login, pages, tv, video_service
from portal.sandbox.navigation import places
from portal.sandbox.state import EXTENSION, Sandbox, sandbox

_MAX_BODY = 64 * 1024
# Their answers hold tokens, codes or emails (RFC 6749 section 5.1).
_NOT_CACHED = {"login", "authorize", "authenticator", "forgotten_password", "video_service"}


def create_app(state: Sandbox) -> Flask:
    """Return an application that serves a sandbox."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    app.extensions[EXTENSION] = state
    app.jinja_env.undefined = StrictUndefined
    app.context_processor(lambda: {"places": places()})
    # Zype's Roku app writes a slash at the end of its paths, others none.
    app.url_map.strict_slashes = False
    for blueprint in (api.bp, login.bp, authorize.bp, forgotten_password.bp):
        app.register_blueprint(blueprint)
    for blueprint in (tv.bp, authenticator.bp, video_service.bp, pages.bp):
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _error_as_json)
    app.after_request(_set_headers)
    return app


def _error_as_json(error: HTTPException) -> Response:
    return faults.error(error.code or 500, error.description)


def _set_headers(response: Response) -> Response:
    """Set the security headers. The sign-in page's form may lead to the portal, since a sign-in ends there."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"frame-src 'self'; form-action 'self' {sandbox().portal_origin}; base-uri 'none'; "
        f"frame-ancestors '{'self' if request.endpoint == 'tv.tv' else 'none'}'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    # With same-origin a browser would send "Origin: null" with the form of that site.
    response.headers["Referrer-Policy"] = "strict-origin" if request.blueprint == "video_service" else "same-origin"
    if request.blueprint in _NOT_CACHED:
        response.headers["Cache-Control"] = "no-store"
    return response
