"""Unlinking a TV, and the Undo that follows a link. Whose TV it is comes from Zype, never from a form."""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.database.engine import describe
from portal.domain.actors import Actor, Reason
from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.domain.pins import MalformedPin, Pin
from portal.ledger.attempts import Attempt
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Limit
from portal.linking.in_flight import Joined, SingleFlight
from portal.linking.reconciliation import RECENT
from portal.settings.settings import Settings
from portal.viewers.preferences import ViewerPreferences
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import NotFound, ZypeError
from portal.zype.outcomes import outcome_of_failed_read, outcome_of_failed_write

log = structlog.get_logger("portal.linking")

# Unlinking has no limit; the lock only makes attempts of one consumer begin one after the other.
_LOCK = (Limit(("consumer_id",), ()),)


@dataclass(frozen=True)
class RecentLink:
    """A link that was made a moment ago, for the page that confirms it.

    Args:
        is_undone: the TV was unlinked since.
        undo_seconds: how long Undo is still offered; none if it can't be.
        linked_device_id: the TV, if Zype named it and the ledger could be written.
    """

    is_undone: bool
    undo_seconds: int | None
    linked_device_id: str | None

    @property
    def can_undo(self) -> bool:
        """Whether Undo is still offered."""
        return self.undo_seconds is not None and not self.is_undone

    @property
    def undo_minutes(self) -> int:
        """How long Undo is still offered."""
        return ceil((self.undo_seconds or 0) / 60)


@dataclass(frozen=True)
class Unlinking:
    """Unlinks TVs from a consumer's account; such a TV loses the name that the viewer gave it.

    A method that reads the ledger raises sqlalchemy.exc.SQLAlchemyError if that fails.
    """

    settings: Settings
    ledger: Ledger
    history: History
    zype: ZypeClient
    single_flight: SingleFlight
    preferences: ViewerPreferences

    def recent_link(self, attempt_id: str, consumer_id: str) -> RecentLink | None:
        """Return what is known of a link that Zype confirmed, or none if it was not made for this consumer."""
        link = self.history.outcome(attempt_id)
        if link is None:
            # The outcome could not be written. The TV is linked all the same, but there is nothing to undo it by.
            return RecentLink(is_undone=False, undo_seconds=None, linked_device_id=None)
        if (link.action, link.outcome, link.consumer_id) != (Action.LINK, Outcome.LINKED, consumer_id):
            return None
        left = (RECENT - self.history.age(link)).total_seconds()
        can_undo = link.linked_device_id is not None and left > 0
        return RecentLink(self.history.is_undone(link), ceil(left) if can_undo else None, link.linked_device_id)

    def undo(self, attempt_id: str, consumer_id: str, actor: Actor) -> UnlinkOutcome:
        """Unlink the TV that an attempt of this consumer, or for them, has just linked. Raises as ``Ledger.begin``."""
        link = self.recent_link(attempt_id, consumer_id)
        if link is None or link.linked_device_id is None:
            return UnlinkOutcome.GONE
        if link.is_undone:
            return UnlinkOutcome.UNLINKED
        if link.undo_seconds is None:
            return UnlinkOutcome.GONE
        outcome = self.unlink(link.linked_device_id, consumer_id, actor, Action.UNDO)
        if outcome is UnlinkOutcome.GONE:
            # A second click, just after the first, finds the TV unlinked.
            link = self.recent_link(attempt_id, consumer_id)
            return UnlinkOutcome.UNLINKED if link and link.is_undone else outcome
        return outcome

    def unlink(
        self,
        linked_device_id: str,
        consumer_id: str,
        actor: Actor,
        action: Action = Action.UNLINK,
        reason: Reason | None = None,
    ) -> UnlinkOutcome:
        """Unlink a TV from a consumer's account. Raises as ``Ledger.begin``.

        Zype unlinks by PIN, and the portal keeps no PIN, so it first asks Zype for the TV's.
        """
        attempt = Attempt(action, actor, consumer_id, linked_device_id, reason=reason)
        begun = self.single_flight.begin(attempt, _LOCK)
        if isinstance(begun, Joined):
            return UnlinkOutcome(begun.outcome)
        started = time.monotonic()
        outcome, pin = self._unlink(linked_device_id, consumer_id)
        milliseconds = round((time.monotonic() - started) * 1000)
        if pin:
            attempt = replace(attempt, pin_fingerprint=self._fingerprint(pin))
        self.ledger.finish(attempt, outcome, milliseconds=milliseconds)
        if outcome is UnlinkOutcome.UNLINKED:
            self._forget_name(linked_device_id, consumer_id)
        return outcome

    def _unlink(self, linked_device_id: str, consumer_id: str) -> tuple[UnlinkOutcome, Pin | None]:
        """Return the outcome, and the TV's PIN if Zype named it and the TV is this consumer's."""
        deadline = Deadline(self.settings.zype_deadline)
        try:
            device = self.zype.pin_status(linked_device_id, deadline)
        except NotFound:
            return UnlinkOutcome.GONE, None
        except ZypeError as error:
            return UnlinkOutcome(outcome_of_failed_read(error)), None
        if device.consumer_id != consumer_id or not device.pin:
            return UnlinkOutcome.GONE, None
        pin = Pin(device.pin)
        try:
            device = self.zype.unlink(pin, consumer_id, deadline)
        except NotFound:
            return UnlinkOutcome.GONE, pin
        except ZypeError as error:
            return UnlinkOutcome(outcome_of_failed_write(error)), pin
        is_still_linked = device.linked is True and device.consumer_id == consumer_id
        return UnlinkOutcome.UNKNOWN if is_still_linked else UnlinkOutcome.UNLINKED, pin

    def _fingerprint(self, pin: Pin) -> str:
        """Return the fingerprint of a PIN as a viewer would type it, so that it equals the one of the link."""
        with suppress(MalformedPin):
            pin = self.settings.pin_rules.normalise(pin.secret)
        return self.ledger.keyring.fingerprint(pin)

    def _forget_name(self, linked_device_id: str, consumer_id: str) -> None:
        try:
            self.preferences.name_tv(consumer_id, linked_device_id, "")
        except SQLAlchemyError as error:
            # The TV is unlinked all the same, and a name without a TV is not shown.
            log.warning("tv_name_not_forgotten", why=describe(error))
