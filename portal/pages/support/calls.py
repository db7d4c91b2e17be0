"""The services as the console calls them: where the ledger can't be asked, that too comes back as an outcome."""

from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.domain.actors import Reason
from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import LinkResult, LookUpOutcome, Outcome, UnlinkOutcome
from portal.pages.identity.agent import Agent
from portal.pages.web.error_pages import RETRY_SECONDS
from portal.services import services
from portal.viewers.directory import LookUpResult

log = structlog.get_logger("portal.support")


def find(typed: str, agent: Agent) -> LookUpResult:
    """Return the viewer with exactly this e-mail address or consumer id, or why there is none."""
    return _looked_up(lambda: services().directory.find(typed, agent.actor))


def open_viewer(consumer_id: str, agent: Agent) -> LookUpResult:
    """Return the viewer of a path, or why there is none."""
    return _looked_up(lambda: services().directory.open(consumer_id, agent.actor))


def link(typed: str, consumer_id: str, agent: Agent, reason: Reason) -> LinkResult:
    """Link the TV that shows a PIN to a viewer's account."""
    try:
        return services().linking.link(typed, consumer_id, agent.actor, reason)
    except LedgerUnavailable:
        return LinkResult(Outcome.UNAVAILABLE, "", retry_after=RETRY_SECONDS)


def unlink(linked_device_id: str, consumer_id: str, agent: Agent, reason: Reason) -> UnlinkOutcome:
    """Unlink a TV from a viewer's account."""
    try:
        return services().unlinking.unlink(linked_device_id, consumer_id, agent.actor, reason=reason)
    except LedgerUnavailable:
        return UnlinkOutcome.UNAVAILABLE


def undo(attempt_id: str, consumer_id: str, agent: Agent) -> UnlinkOutcome:
    """Unlink the TV that an attempt has just linked."""
    try:
        return services().unlinking.undo(attempt_id, consumer_id, agent.actor)
    except LedgerUnavailable:
        return UnlinkOutcome.UNAVAILABLE


def _looked_up(ask: Callable[[], LookUpResult]) -> LookUpResult:
    try:
        return ask()
    except LedgerUnavailable:
        return LookUpResult(LookUpOutcome.UNAVAILABLE, retry_after=RETRY_SECONDS)
    except SQLAlchemyError as error:
        log.error("database_failed", exc_info=error)
        return LookUpResult(LookUpOutcome.UNAVAILABLE, retry_after=RETRY_SECONDS)
