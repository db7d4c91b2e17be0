"""The authorization requests of this browser that another host has not answered: of viewers and of support staff."""

from collections.abc import Mapping
from math import ceil
from typing import Any

from flask import request

from portal.database.authorizations import Authorization, AuthorizationKind
from portal.pages.auth.sign_in_attempts import sign_in_address_limits
from portal.pages.identity import viewer as identity
from portal.services import services


def begin(kind: AuthorizationKind, state: str, next_path: str, content: Mapping[str, Any]) -> int | None:
    """Store what the callback with a state will need.

    Returns none, or the seconds to wait if too many sign-ins of the address are unfinished. Raises
    sqlalchemy.exc.SQLAlchemyError.
    """
    wait = services().authorizations.begin(
        kind,
        state,
        browser=identity.browser_id(),
        address=request.remote_addr or "",
        next_path=next_path,
        content=content,
        limits=sign_in_address_limits(services().settings)[0].items,
    )
    return None if wait is None else ceil(wait.total_seconds())


def take(kind: AuthorizationKind) -> Authorization | None:
    """Return the authorization that this request brings back, whose content is given once. Raises as ``begin``."""
    state = request.args.get("state")
    return services().authorizations.take(kind, state, identity.known_browser_id()) if state else None


def finish(kind: AuthorizationKind) -> None:
    """Count the authorization of this request no longer, because somebody signed in with it. Raises as ``begin``."""
    services().authorizations.finish(kind, request.args["state"])
