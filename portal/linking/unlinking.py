"""Unlinking a TV, and the Undo that follows a link. Whose TV it is, is asked of Zype, never of a form."""

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import describe
from portal.domain.actors import Actor, Reason
from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.domain.pins import MalformedPin, Pin, PinRules
from portal.ledger.attempts import Attempt, Begun, Entry, InFlight, RateLimited
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Limit
from portal.linking.in_flight import TooManyWaiters, Waiters
from portal.linking.reconciliation import FRESH
from portal.settings.settings import Settings
from portal.viewers.records import ViewerRecords
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import Misconfigured, NotFound, Refused, Unavailable, ZypeError
from portal.zype.payloads import DevicePin

log = structlog.get_logger("portal.unlinking")

# There is no limit on unlinking; attempts of one consumer are only judged one after the other.
_APART = (Limit(("consumer_id",), ()),)


@dataclass(frozen=True)
class LinkedTV:
    """A TV that was linked a moment ago, for the page that says so.

    Args:
        is_undone: it was unlinked again.
        undo_seconds: how long Undo is still offered; none where it can't be.
        linked_device_id: if Zype named it, and the ledger could be written.
    """

    is_undone: bool
    undo_seconds: int | None
    linked_device_id: str | None


class Unlinking:
    """Unlinks TVs from a consumer's account.

    Args:
        settings: how long Zype may take, and what a PIN looks like.
        ledger: where attempts are written before Zype is asked, and outcomes after.
        zype: the client.
        waiters: the places for second clicks to wait in.
        records: the viewers' own names of their TVs; a TV that is unlinked loses its name.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        history: History,
        zype: ZypeClient,
        waiters: Waiters,
        records: ViewerRecords,
    ) -> None:
        self._seconds = settings.zype_deadline
        self._rules: PinRules = settings.pin_rules
        self._ledger = ledger
        self._history = history
        self._zype = zype
        self._waiters = waiters
        self._records = records

    def linked_tv(self, attempt_id: str, consumer_id: str) -> LinkedTV | None:
        """Return what there is to say about a TV that was just linked, or none if it was not by this consumer.

        Args:
            attempt_id: that linked it, as Zype said.
            consumer_id: whose account.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the ledger can't be read.
        """
        if self._history.outcome(attempt_id) is None:
            # The outcome could not be written. Zype's yes is true all the same; only Undo is not to be had.
            return LinkedTV(is_undone=False, undo_seconds=None, linked_device_id=None)
        link = self._own_link(attempt_id, consumer_id)
        if link is None:
            return None
        left = (FRESH - self._history.age(link)).total_seconds()
        can_undo = link.linked_device_id is not None and left > 0
        return LinkedTV(self._history.is_undone(link), ceil(left) if can_undo else None, link.linked_device_id)

    def undo(self, attempt_id: str, consumer_id: str, actor: Actor) -> UnlinkOutcome:
        """Unlink the TV that was just linked by an attempt.

        Args:
            attempt_id: of the link.
            consumer_id: whose account.
            actor: who undoes it.

        Raises:
            LedgerUnavailable: the attempt could not be written, so nothing was sent to Zype.
            sqlalchemy.exc.SQLAlchemyError: the ledger can't be read.
        """
        link = self._own_link(attempt_id, consumer_id)
        if link is None or link.linked_device_id is None:
            return UnlinkOutcome.GONE
        if self._history.is_undone(link):
            return UnlinkOutcome.UNLINKED
        if self._history.age(link) > FRESH:
            return UnlinkOutcome.GONE
        outcome = self.unlink(link.linked_device_id, consumer_id, actor, Action.UNDO)
        if outcome is UnlinkOutcome.GONE and self._history.is_undone(link):
            # A second click that came just after the first had done it.
            return UnlinkOutcome.UNLINKED
        return outcome

    def unlink(
        self,
        linked_device_id: str,
        consumer_id: str,
        actor: Actor,
        action: Action = Action.UNLINK,
        reason: Reason | None = None,
    ) -> UnlinkOutcome:
        """Unlink a TV from a consumer's account.

        Zype unlinks by PIN, and no PIN is kept here, so Zype is asked for it at this moment.

        Args:
            linked_device_id: the TV.
            consumer_id: whose account it has to be on.
            actor: who unlinks it.
            action: undo or unlink.
            reason: why, if it is an agent who unlinks.

        Raises:
            LedgerUnavailable: the attempt could not be written, so nothing was sent to Zype.
        """
        attempt = Attempt(action, actor, consumer_id, linked_device_id, reason=reason)
        match self._ledger.begin(attempt, _APART, join_within=timedelta(seconds=self._seconds + 1)):
            case InFlight(attempt_id):
                return self._join(attempt, attempt_id)
            case Begun() | RateLimited():
                return self._ask(attempt, linked_device_id, consumer_id)

    def _own_link(self, attempt_id: str, consumer_id: str) -> Entry | None:
        link = self._history.outcome(attempt_id)
        if link is None or link.action != Action.LINK or link.outcome != Outcome.LINKED:
            return None
        return link if link.consumer_id == consumer_id else None

    def _as_typed(self, pin: Pin) -> Pin:
        """Return a PIN of Zype's as the viewer's typing would have come out, so that fingerprints agree."""
        try:
            return self._rules.normalise(pin.secret)
        except MalformedPin:
            return pin

    def _join(self, attempt: Attempt, attempt_id: str) -> UnlinkOutcome:
        try:
            entry = self._waiters.wait(attempt_id, self._seconds, lambda: self._history.outcome(attempt_id))
        except TooManyWaiters:
            return UnlinkOutcome.UNAVAILABLE
        except SQLAlchemyError as error:
            log.error("ledger_unreadable", attempt_id=attempt_id, why=describe(error))
            return UnlinkOutcome.UNKNOWN
        if entry is None or entry.outcome is None:
            return UnlinkOutcome.UNKNOWN
        if not entry.is_by(attempt.actor):
            # Zype was asked once for both, but the record names everybody who acted, and why.
            self._ledger.record(replace(attempt, pin_fingerprint=entry.pin_fingerprint), entry.outcome)
        return UnlinkOutcome(entry.outcome)

    def _ask(self, attempt: Attempt, linked_device_id: str, consumer_id: str) -> UnlinkOutcome:
        deadline = Deadline(self._seconds)
        started = time.monotonic()
        fingerprint = None
        pin, outcome = self._ask_pin(linked_device_id, consumer_id, deadline)
        if pin:
            fingerprint = self._ledger.keyring.fingerprint(self._as_typed(pin))
            outcome = self._send(pin, consumer_id, deadline)
        milliseconds = round((time.monotonic() - started) * 1000)
        self._ledger.finish(attempt, outcome, pin_fingerprint=fingerprint, milliseconds=milliseconds)
        if outcome is UnlinkOutcome.UNLINKED:
            self._forget_name(linked_device_id, consumer_id)
        return outcome

    def _forget_name(self, linked_device_id: str, consumer_id: str) -> None:
        try:
            self._records.name_tv(consumer_id, linked_device_id, "")
        except SQLAlchemyError as error:
            # The TV is unlinked all the same, and a name alone shows nowhere.
            log.warning("tv_name_not_forgotten", why=describe(error))

    def _ask_pin(self, linked_device_id: str, consumer_id: str, deadline: Deadline) -> tuple[Pin | None, UnlinkOutcome]:
        """Return the PIN of a TV if it is this consumer's, else none and the outcome."""
        try:
            device = self._zype.pin_status(linked_device_id, deadline)
        except ZypeError as error:
            return None, _asked_in_vain(error)
        if device.consumer_id != consumer_id or not device.pin:
            return None, UnlinkOutcome.GONE
        return Pin(device.pin), UnlinkOutcome.UNKNOWN

    def _send(self, pin: Pin, consumer_id: str, deadline: Deadline) -> UnlinkOutcome:
        try:
            device = self._zype.unlink(pin, consumer_id, deadline)
        except ZypeError as error:
            return _outcome(error)
        return UnlinkOutcome.UNKNOWN if _is_still_linked(device, consumer_id) else UnlinkOutcome.UNLINKED


def _is_still_linked(device: DevicePin, consumer_id: str) -> bool:
    return device.linked is True and device.consumer_id == consumer_id


def _asked_in_vain(error: ZypeError) -> UnlinkOutcome:
    """Return the outcome where Zype did not tell the PIN: nothing was changed, whatever the failure."""
    match error:
        case NotFound():
            return UnlinkOutcome.GONE
        case Misconfigured():
            log.error("zype_refused_our_key", error=str(error))
            return UnlinkOutcome.MISCONFIGURED
        case _:
            log.warning("zype_could_not_be_asked", error=str(error))
            return UnlinkOutcome.UNAVAILABLE


def _outcome(error: ZypeError) -> UnlinkOutcome:
    match error:
        case NotFound():
            return UnlinkOutcome.GONE
        case Unavailable() | Refused():
            log.warning("zype_unavailable", error=str(error))
            return UnlinkOutcome.UNAVAILABLE
        case Misconfigured():
            log.error("zype_refused_our_key", error=str(error))
            return UnlinkOutcome.MISCONFIGURED
        case _:
            log.warning("zype_outcome_unknown", error=str(error))
            return UnlinkOutcome.UNKNOWN
