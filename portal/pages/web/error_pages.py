"""The one table that turns exceptions into pages. The pages for 5xx call nothing that can fail."""

from urllib.parse import quote

import structlog
from flask import Flask, Response, current_app, request
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.errors import LedgerUnavailable, NotAllowed, NotSignedIn, StaffNotSignedIn
from portal.pages.web.forms import stale_pages
from portal.pages.web.limits import seconds_to_wait
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
    """Show a page of ours for every exception."""
    app.register_error_handler(CSRFError, _stale)
    app.register_error_handler(NotSignedIn, _sign_in_first)
    app.register_error_handler(StaffNotSignedIn, _staff_sign_in_first)
    app.register_error_handler(NotAllowed, _forbidden)
    app.register_error_handler(LedgerUnavailable, _unavailable)
    app.register_error_handler(SQLAlchemyError, _database_failed)
    app.register_error_handler(RateLimitExceeded, _flood)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def error_page(status: int, kind: str, retry_after: int | None = None) -> Response:
    """Return the page for an error.

    Args:
        status: of the answer.
        kind: which words the page uses.
        retry_after: seconds until trying again may help.
    """
    return render_page(
        "errors/error.html",
        status,
        retry_after=retry_after,
        kind=kind,
        is_for_staff=request.path.startswith("/support"),
        plain=True,
        failed=False,
    )


def _stale(_: CSRFError) -> Response:
    page = stale_pages.get(request.endpoint or "") or stale_pages.get(request.blueprint or "")
    if page is None:
        return error_page(400, "stale")
    try:
        return page(**request.view_args or {})
    except StaffNotSignedIn:
        # Another site may have sent it, so it does not choose where the sign-in leads.
        return see_other("/support/sign-in")
    except Exception as error:
        # Flask looks for no handler for what a handler raises.
        return current_app.make_response(current_app.handle_user_exception(error))


def _sign_in_first(_: NotSignedIn) -> Response:
    # The first page is the one that asks to sign in, and keeps the PIN meanwhile.
    return see_other("/sign-in?next=/devices" if request.blueprint == "devices" else "/activate")


def _staff_sign_in_first(error: StaffNotSignedIn) -> Response:
    # A form that was sent can't be sent again after sign-in: then it is the page with the form that comes next.
    query = f"?next={quote(request.path)}" + ("&again=1" if error.reauthenticate else "")
    return see_other(f"/support/sign-in{query}")


def _forbidden(_: NotAllowed) -> Response:
    return error_page(403, "forbidden")


def _unavailable(_: LedgerUnavailable) -> Response:
    return error_page(503, "unavailable", RETRY_SECONDS)


def _database_failed(error: SQLAlchemyError) -> Response:
    log.error("database_failed", exc_info=error)
    # Something may have been linked before this, so it does not say that nothing has changed.
    return error_page(503, "error", RETRY_SECONDS)


def _flood(_: RateLimitExceeded) -> Response:
    return error_page(429, "too_many", seconds_to_wait())


def _http(error: HTTPException) -> AnyResponse:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    response = error_page(status, KINDS.get(status, "error" if status >= 500 else "bad_request"))
    # Such as Allow, which a 405 must have.
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _bug(error: Exception) -> Response:
    log.error("unhandled_exception", exc_info=error)
    return error_page(500, "error")
