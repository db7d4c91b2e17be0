"""The one table that turns exceptions into pages. The pages for 5xx call nothing that can fail."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import structlog
from flask import Flask, Response, current_app, redirect, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.errors import LedgerUnavailable, NotAllowed, NotSignedIn, PasswordChangeRequired, StaffNotSignedIn
from portal.pages.identity import draft
from portal.pages.web.forms import stale_pages, stale_reason
from portal.pages.web.limits import TooManyRequests
from portal.pages.web.origins import is_for_staff
from portal.pages.web.paths import canonical_address, canonical_path, page_of_form, takes_get
from portal.pages.web.refused_requests import log_csrf_refused, log_not_allowed
from portal.pages.web.responses import render_page, see_other

log = structlog.get_logger("portal.web")

RETRY_SECONDS = 60
KINDS = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    429: "too_many",
    503: "unavailable",
}


def init_app(app: Flask) -> None:
    """Register a page for every exception."""
    handlers: dict[type[Exception], Callable[[Any], AnyResponse]] = {
        CSRFError: _stale_form,
        NotSignedIn: _not_signed_in,
        StaffNotSignedIn: to_staff_sign_in,
        PasswordChangeRequired: lambda _: see_other(f"/support/account/password?next={quote(request.path)}"),
        NotAllowed: _not_allowed,
        LedgerUnavailable: lambda _: error_page(503, "unavailable", RETRY_SECONDS),
        SQLAlchemyError: _database_failed,
        TooManyRequests: lambda error: error_page(429, "too_many", error.seconds_to_wait),
        NotFound: _not_found,
        MethodNotAllowed: _method_not_allowed,
        HTTPException: _http_exception,
        Exception: _unhandled,
    }
    for exception, handler in handlers.items():
        app.register_error_handler(exception, handler)


def error_page(status: int, kind: str, retry_after: int | None = None) -> Response:
    """Return the page for an error; the kind picks the words in ``errors/error.html``."""
    return render_page(
        "errors/error.html",
        status,
        retry_after=retry_after,
        kind=kind,
        is_for_staff=is_for_staff(),
        plain=True,
        failed=False,
    )


def _not_allowed(error: NotAllowed) -> Response:
    log_not_allowed(str(error))
    return render_page("support/not_allowed.html", 403, failed=False)


def _stale_form(_: CSRFError) -> Response:
    log_csrf_refused()
    page = stale_pages.get(request.endpoint or "") or stale_pages.get(request.blueprint or "")
    if page is None:
        return error_page(400, stale_reason())
    try:
        return page(**request.view_args or {})
    except StaffNotSignedIn:
        # Another site may have sent it, so it does not choose where the sign-in leads.
        return see_other("/support/sign-in")
    except Exception as error:
        # Flask looks for no handler for what a handler raises.
        return current_app.make_response(current_app.handle_user_exception(error))


def _not_signed_in(_: NotSignedIn) -> Response:
    # /activate asks to sign in, and keeps the PIN meanwhile.
    return see_other("/sign-in?next=/devices" if request.blueprint == "devices" else "/activate")


def to_staff_sign_in(error: StaffNotSignedIn, next_path: str | None = None) -> Response:
    """Return the redirect to the page on which support staff sign in, which leads on to a path, or else this page."""
    # A form can't be sent again after sign-in: the page with the form comes next, with what was typed.
    page = request.path if takes_get(request.path) else page_of_form(request.path)
    query = f"?next={quote(next_path or page)}" + ("&again=1" if error.reauthenticate else "")
    response = see_other(f"/support/sign-in{query}")
    if request.method == "POST":
        # Without it the agent types it again.
        with suppress(SQLAlchemyError):
            draft.keep_sent(response, page)
    return response


def _database_failed(error: SQLAlchemyError) -> Response:
    log.error("database_failed", exc_info=error)
    # A TV may have been linked before this, so the page does not say that nothing has changed.
    return error_page(503, "error", RETRY_SECONDS)


def _not_found(error: NotFound) -> AnyResponse:
    path = canonical_path(request.path) if request.url_rule is None else None
    if path is None or path == request.path:
        return _http_exception(error)
    # A browser repeats the method and the body.
    return redirect(canonical_address(path), 308)


def _method_not_allowed(error: MethodNotAllowed) -> AnyResponse:
    # By Enter in the address bar, Back or a bookmark a browser asks for the path that a form was sent to.
    if request.method in ("GET", "HEAD"):
        return see_other(page_of_form(request.path))
    return _http_exception(error)


def _http_exception(error: HTTPException) -> AnyResponse:
    status = error.code or 500
    if status == 403:
        log_not_allowed(error.name)
    response = error_page(status, KINDS.get(status, "error" if status >= 500 else "bad_request"))
    # Such as Allow, which a 405 must have.
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _unhandled(error: Exception) -> Response:
    log.error("unhandled_exception", exc_info=error)
    return error_page(500, "error")
