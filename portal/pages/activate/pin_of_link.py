"""The PIN of a link, wherever it stands in the address: kept for the form, and gone from the address."""

from flask import Request, Response

from portal.pages.auth.authorization_code import CALLBACK_PATH
from portal.pages.identity import pin_cookie
from portal.pages.identity import viewer as identity
from portal.pages.identity.viewer import Flash
from portal.pages.web.application import Portal
from portal.pages.web.paths import HOME, canonical_path, pin_in_address
from portal.pages.web.responses import see_other

# The first parts of the paths to which a link with a PIN may lead: those of the pages for viewers.
WAYS_IN = ("", "activate", "sign-in", "devices")


def init_app(app: Portal) -> None:
    """Keep the PIN of a link before anything is shown, because addresses end up in histories and screenshots."""

    @app.check
    def keep_pin_of_link(request: Request) -> Response | None:
        # A path of ours without a variable part names no PIN.
        if not request.query_string and request.view_args == {}:
            return None
        typed = pin_in_address() if request.method in ("GET", "HEAD") else None
        if typed is None or not _is_way_in(canonical_path(request.path)):
            return None
        response = see_other(HOME)
        if not pin_cookie.keep_of_link(response, typed):
            identity.leave_flash(Flash.DAMAGED_LINK)
        return response


def _is_way_in(path: str | None) -> bool:
    return path is not None and path != CALLBACK_PATH and path.split("/")[1] in WAYS_IN
