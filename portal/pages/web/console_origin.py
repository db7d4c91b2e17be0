"""Keeps the console on its own origin and viewers' pages on theirs, where PORTAL_STAFF_URL is set."""

from flask import Request
from flask import redirect as redirect_to
from werkzeug.wrappers import Response as AnyResponse

from portal.pages.web.application import Portal
from portal.pages.web.error_pages import error_page
from portal.pages.web.origins import CONSOLE, is_console_origin, is_console_path
from portal.pages.web.paths import canonical_path
from portal.settings.settings import Settings

# On both origins. So are static files, which are served before Flask is asked.
SHARED = frozenset({"/healthz", "/readyz", "/language", "/.well-known/change-password"})


def init_app(app: Portal, settings: Settings) -> None:
    """Answer with 404 what belongs to the other origin. Call it before what reads forms or keeps a PIN."""
    if settings.staff_url is None:
        return

    @app.check
    def keep_apart(request: Request) -> AnyResponse | None:
        path = request.url_rule.rule if request.url_rule else canonical_path(request.path) or request.path
        if path in SHARED or is_console_path(path) == is_console_origin():
            return None
        if is_console_origin() and path == "/" and request.method in ("GET", "HEAD"):
            return redirect_to(CONSOLE, 302)
        return error_page(404, "not_found")
