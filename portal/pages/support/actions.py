"""What an agent does for a viewer. Where the ledger can't be used, that too is returned as an outcome."""

from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.domain.actors import Reason
from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import LinkResult, LookUpOutcome, Outcome, PasswordMailOutcome, UnlinkOutcome
from portal.pages.identity.agent import Agent
from portal.pages.web.error_pages import RETRY_SECONDS
from portal.services import services
from portal.viewers.directory import LookUpResult
from portal.viewers.password_mails import PasswordMailResult

Result = TypeVar("Result")
MaybeFound = TypeVar("MaybeFound", bound=LookUpResult | None)

log = structlog.get_logger("portal.support")

NO_LOOK_UP = LookUpResult(LookUpOutcome.UNAVAILABLE, retry_after=RETRY_SECONDS)
NOT_SENT = PasswordMailResult(PasswordMailOutcome.UNAVAILABLE, retry_after=RETRY_SECONDS)
NOT_LINKED = LinkResult(Outcome.UNAVAILABLE, "", retry_after=RETRY_SECONDS)


def find(typed: str, agent: Agent) -> LookUpResult:
    """Return the viewer with exactly this email address or consumer id, or why there is none."""
    return _look_up(lambda: services().directory.find(typed, agent.actor))


def reopen_viewer(consumer_id: str, agent: Agent) -> LookUpResult | None:
    """Return a viewer whom the agent found recently, or why there is none; none if they have to be looked up first."""
    return _look_up(lambda: services().directory.reopen(consumer_id, agent.actor))


def open_viewer(consumer_id: str, agent: Agent) -> LookUpResult:
    """Return the viewer with this consumer id, looked up if need be, or why there is none. Only for a POST."""
    return _look_up(lambda: services().directory.open(consumer_id, agent.actor))


def link(typed: str, consumer_id: str, agent: Agent, reason: Reason) -> LinkResult:
    """Link the TV that shows a PIN to a viewer's account."""
    return _or(NOT_LINKED, lambda: services().linking.link(typed, consumer_id, agent.actor, reason))


def unlink(linked_device_id: str, consumer_id: str, agent: Agent, reason: Reason) -> UnlinkOutcome:
    """Unlink a TV from a viewer's account."""
    unlinking = services().unlinking
    return _or(
        UnlinkOutcome.UNAVAILABLE,
        lambda: unlinking.unlink(linked_device_id, consumer_id, agent.actor, reason=reason),
    )


def undo(attempt_id: str, consumer_id: str, agent: Agent) -> UnlinkOutcome:
    """Unlink the TV that an attempt has just linked."""
    unlinking = services().unlinking
    return _or(UnlinkOutcome.UNAVAILABLE, lambda: unlinking.undo(attempt_id, consumer_id, agent.actor))


def send_password_mail(email: str, consumer_id: str, agent: Agent, reason: Reason) -> PasswordMailResult:
    """Have Zype send a viewer its mail to set a new password."""
    return _or(NOT_SENT, lambda: services().password_mails.send(email, consumer_id, agent.actor, reason))


def _or(unavailable: Result, call: Callable[[], Result]) -> Result:
    try:
        return call()
    except LedgerUnavailable:
        return unavailable


def _look_up(call: Callable[[], MaybeFound]) -> MaybeFound | LookUpResult:
    try:
        return call()
    except LedgerUnavailable:
        return NO_LOOK_UP
    except SQLAlchemyError as error:
        log.error("database_failed", exc_info=error)
        return NO_LOOK_UP
