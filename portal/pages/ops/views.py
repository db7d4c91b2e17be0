"""What machines ask for: whether the portal is alive and ready, and where a password manager changes a password."""

import structlog
from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from portal.database.engine import describe
from portal.database.schema import SchemaState, state_of
from portal.pages.web.origins import is_console_origin
from portal.pages.web.paths import FORGOTTEN_PASSWORD
from portal.pages.web.responses import see_other
from portal.services import services

bp = Blueprint("ops", __name__)
log = structlog.get_logger("portal.ops")


@bp.get("/healthz")
def healthz() -> tuple[dict[str, str], int]:
    return {"status": "alive"}, 200


@bp.get("/readyz")
def readyz() -> tuple[dict[str, str], int]:
    if services().is_draining():
        return {"status": "stopping"}, 503
    try:
        # It is ready on a newer schema too, or all machines would be out of service while they are upgraded in turn.
        is_ready = state_of(services().database) is not SchemaState.OLDER
    except SQLAlchemyError as error:
        log.error("not_ready", why=describe(error))
        is_ready = False
    return ({"status": "ready"}, 200) if is_ready else ({"status": "not ready"}, 503)


@bp.get("/.well-known/change-password")
def change_password() -> Response:
    """Lead on from where browsers look for it (W3C, A Well-Known URL for Changing Passwords)."""
    if is_console_origin():
        return see_other("/support/account/password")
    settings = services().settings
    own_page = FORGOTTEN_PASSWORD if settings.sends_password_mails else "/sign-in"
    return see_other(settings.brand_forgotten_password_url or own_page)
