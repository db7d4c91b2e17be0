"""A second look at Zype's no: after a refresh or a lost answer, the PIN is gone because it was linked."""

from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import describe
from portal.domain.outcomes import Action, LinkResult, Outcome, UnlinkOutcome
from portal.domain.pins import MalformedPin, Pin, PinRules
from portal.ledger.attempts import Attempt, Entry
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import ZypeError

log = structlog.get_logger("portal.second_look")

# A success stays one for this long: for a refresh, for a late click, and for Undo.
FRESH = timedelta(minutes=10)
MOST_DEVICES_ASKED = 10
_SETTLED = frozenset({Outcome.NOT_FOUND, Outcome.REFUSED, UnlinkOutcome.UNLINKED})


class SecondLook:
    """Judges a no of Zype's by what the ledger and Zype know of the PIN.

    Args:
        rules: what a PIN looks like.
        ledger: what happened before.
        zype: asked for the consumer's TVs where the ledger does not know.
    """

    def __init__(self, rules: PinRules, ledger: Ledger, history: History, zype: ZypeClient) -> None:
        self._rules = rules
        self._ledger = ledger
        self._history = history
        self._zype = zype

    def judge(self, said: Outcome, pin: Pin, attempt: Attempt, consumer_id: str, deadline: Deadline) -> LinkResult:
        """Return how the attempt ended.

        Args:
            said: what Zype said: not_found or refused.
            pin: that Zype said it of.
            attempt: under way.
            consumer_id: whose account.
            deadline: for everything that is asked of Zype for this attempt.
        """
        try:
            fingerprints = self._ledger.keyring.fingerprints(pin)
            earlier = telling(self._history.decisive_entries(consumer_id, fingerprints, exclude=attempt.id))
            is_fresh = earlier is not None and self._history.age(earlier) <= FRESH
        except SQLAlchemyError as error:
            log.error("ledger_unreadable", attempt_id=attempt.id, why=describe(error))
            return LinkResult(Outcome.UNKNOWN, attempt.id)
        if earlier is None or earlier.outcome in _SETTLED:
            return LinkResult(said, attempt.id)
        if earlier.action == Action.LINK and earlier.outcome == Outcome.LINKED:
            if not is_fresh:
                return LinkResult(said, attempt.id)
            return LinkResult(Outcome.LINKED, earlier.attempt_id, earlier.linked_device_id)
        device_id = self._find_device(pin, consumer_id, deadline)
        return LinkResult(Outcome.LINKED if device_id else Outcome.UNKNOWN, attempt.id, device_id)

    def _find_device(self, pin: Pin, consumer_id: str, deadline: Deadline) -> str | None:
        """Return which of the consumer's TVs was linked by this PIN; none means that nobody knows."""
        try:
            consumer = self._zype.consumer(consumer_id, deadline)
            for device_id in consumer.linked_devices[:MOST_DEVICES_ASKED]:
                device = self._zype.pin_status(device_id, deadline)
                if device.consumer_id == consumer_id and self._is_same(pin, device.pin):
                    return device_id
        except ZypeError as error:
            log.warning("zype_could_not_be_asked", error=str(error))
        return None

    def _is_same(self, pin: Pin, other: str | None) -> bool:
        try:
            return other is not None and self._rules.normalise(other) == pin
        except MalformedPin:
            return False


def telling(events: list[Entry]) -> Entry | None:
    """Return the newest event that tells how a PIN stands, or the first of the successes in a row that end there.

    The first, so that asking again and again does not keep a success fresh for ever.

    Args:
        events: of one PIN and consumer, newest first, without those that changed nothing.
    """
    found: Entry | None = None
    for event in events:
        is_success = event.action == Action.LINK and event.outcome == Outcome.LINKED
        if not is_success:
            return found or event
        found = event
    return found
