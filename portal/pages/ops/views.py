"""Health checks for load balancers and service managers: alive, and ready."""

import structlog
from flask import Blueprint
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import describe
from portal.database.schema import is_current
from portal.services import services

bp = Blueprint("ops", __name__)
log = structlog.get_logger("portal.ops")


@bp.get("/healthz")
def healthz() -> tuple[dict[str, str], int]:
    return {"status": "alive"}, 200


@bp.get("/readyz")
def readyz() -> tuple[dict[str, str], int]:
    try:
        is_ready = is_current(services().database)
    except SQLAlchemyError as error:
        log.error("not_ready", why=describe(error))
        is_ready = False
    return ({"status": "ready"}, 200) if is_ready else ({"status": "not ready"}, 503)
