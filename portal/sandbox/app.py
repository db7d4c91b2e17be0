"""The sandbox's application factory: builds everything in a visible order."""

import random
from collections.abc import Callable
from datetime import UTC, datetime

from flask import Flask, Response
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from portal.sandbox import api, authenticator, authorize, faults, login, pages, tv
from portal.sandbox.mailbox import Mailbox
from portal.sandbox.record import Record
from portal.sandbox.state import EXTENSION, Sandbox, sandbox
from portal.sandbox.store import Store
from portal.sandbox.tokens import Tokens

_LARGEST_BODY = 64 * 1024


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(
    *,
    api_key: str,
    client_id: str,
    client_secret: str,
    activate_url: str,
    app_key: str = "sandbox-app-key",
    clock: Callable[[], datetime] = _now,
    randomness: random.Random | None = None,
) -> Flask:
    """Build one sandbox, with a state of its own.

    Args:
        api_key: what PUT /pin/link and the like want in their query.
        client_id: the portal's client at the login service.
        client_secret: its secret.
        activate_url: the portal's page, which the TV shows; its origin is where sign-in may return to.
        app_key: what a TV's calls carry.
        clock: returns the time, aware; given by tests.
        randomness: the source of PINs and tokens; cryptographic unless a test gives its own.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    source = randomness or random.SystemRandom()
    app.extensions[EXTENSION] = Sandbox(
        api_key=api_key,
        app_key=app_key,
        client_id=client_id,
        client_secret=client_secret,
        activate_url=activate_url,
        clock=clock,
        store=Store(clock, source),
        tokens=Tokens(clock, source),
        record=Record(),
        mailbox=Mailbox(clock),
    )
    app.jinja_env.undefined = StrictUndefined
    for blueprint in (api.bp, login.bp, authorize.bp, tv.bp, authenticator.bp, pages.bp):
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _as_json)
    app.after_request(_protect)
    return app


def _as_json(error: HTTPException) -> Response:
    return faults.message(error.code or 500, error.description)


def _protect(answer: Response) -> Response:
    """Set the security headers. The sign-in page's form may lead to the portal, since a sign-in ends there."""
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'self' {sandbox().portal_origin}; base-uri 'none'; frame-ancestors 'none'"
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer
