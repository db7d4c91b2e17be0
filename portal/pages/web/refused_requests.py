"""What the log says of a request that is refused: its rule, why, and who sent it."""

import structlog
from flask import request
from sqlalchemy.exc import SQLAlchemyError

from portal.domain.actors import Actor, ActorKind
from portal.pages.identity import agent as staff_identity
from portal.pages.identity import viewer as identity
from portal.pages.identity.actor import request_actor
from portal.pages.web.forms import is_from_another_site, stale_reason
from portal.pages.web.origins import is_for_staff

log = structlog.get_logger("portal.web")


def log_not_allowed(why: str) -> None:
    """Log that whoever is signed in may not do this."""
    log.warning("not_allowed", why=why, **_fields())


def log_csrf_refused() -> None:
    """Log that a form came without the CSRF token of its session."""
    log.warning("csrf_refused", why="another_site" if is_from_another_site() else stale_reason(), **_fields())


def _fields() -> dict[str, str | None]:
    actor = _actor()
    # The rule, never the path, which may contain a PIN that was typed into the address bar.
    rule = request.url_rule.rule if request.url_rule else None
    return {"method": request.method, "rule": rule, "actor_kind": actor.kind, "actor_id": actor.id}


def _actor() -> Actor:
    """Return who sent this request; without an id if nobody is signed in, or the database can't say who."""
    kind = ActorKind.AGENT if is_for_staff() else ActorKind.VIEWER
    try:
        return request_actor(kind, _staff_id() if kind is ActorKind.AGENT else _viewer_id())
    except SQLAlchemyError:
        return request_actor(kind)


def _staff_id() -> str:
    principal = staff_identity.current_agent() or staff_identity.pending_agent()
    return principal.id if principal else ""


def _viewer_id() -> str:
    viewer = identity.current_viewer()
    return viewer.consumer_id if viewer else ""
