"""What a PIN that Zype does not know means: after a refresh or a lost answer, it is gone because it was linked."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.database.engine import describe
from portal.domain.outcomes import Action, LinkResult, Outcome, UnlinkOutcome
from portal.domain.pins import MalformedPin, Pin
from portal.ledger.attempts import Attempt, Entry
from portal.ledger.history import History
from portal.settings.keys import Keyring
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import NotFound, ZypeError

log = structlog.get_logger("portal.linking")

# How long a link counts as recent: for a refresh, a late click, and Undo.
RECENT = timedelta(minutes=10)
MAX_DEVICES = 10
_SETTLED = (Outcome.NOT_FOUND, Outcome.REFUSED, UnlinkOutcome.UNLINKED)


@dataclass(frozen=True)
class Reconciliation:
    """Reconciles Zype's not_found or refused with earlier attempts; if they don't decide, with the consumer's TVs."""

    settings: Settings
    keyring: Keyring
    history: History
    zype: ZypeClient

    def reconcile(
        self, zype_outcome: Outcome, pin: Pin, attempt: Attempt, consumer_id: str, deadline: Deadline
    ) -> LinkResult:
        """Return the result of an attempt in flight that Zype answered with not_found or refused."""
        try:
            earlier = self._earlier_entry(pin, consumer_id, attempt)
            is_recent = earlier is not None and self.history.age(earlier) <= RECENT
        except SQLAlchemyError as error:
            log.error("ledger_unreadable", attempt_id=attempt.id, why=describe(error))
            return LinkResult(Outcome.UNKNOWN, attempt.id)
        if earlier is None or earlier.outcome in _SETTLED:
            return LinkResult(zype_outcome, attempt.id)
        if _is_link(earlier):
            if not is_recent:
                return LinkResult(zype_outcome, attempt.id)
            return LinkResult(Outcome.LINKED, earlier.attempt_id, earlier.linked_device_id)
        device_id = self._find_device(pin, consumer_id, deadline)
        return LinkResult(Outcome.LINKED if device_id else Outcome.UNKNOWN, attempt.id, device_id)

    def _earlier_entry(self, pin: Pin, consumer_id: str, attempt: Attempt) -> Entry | None:
        """Return the newest decisive entry, or the oldest of the links if the newest are all links.

        The oldest, so that repeating the request does not keep the link recent.
        """
        fingerprints = self.keyring.fingerprints(pin)
        oldest_link: Entry | None = None
        for entry in self.history.decisive_entries(consumer_id, fingerprints, exclude=attempt.id):
            if not _is_link(entry):
                return oldest_link or entry
            oldest_link = entry
        return oldest_link

    def _find_device(self, pin: Pin, consumer_id: str, deadline: Deadline) -> str | None:
        """Return which of the consumer's TVs was linked by this PIN, or none if that can't be told."""
        try:
            for device_id in self._device_ids(consumer_id, deadline):
                # The ledger also knows TVs of which Zype knows no PIN any more.
                with suppress(NotFound):
                    device = self.zype.pin_status(device_id, deadline)
                    if device.consumer_id == consumer_id and self._is_same(pin, device.pin):
                        return device_id
        except ZypeError as error:
            log.warning("zype_could_not_be_asked", error=str(error))
        except SQLAlchemyError as error:
            log.error("ledger_unreadable", why=describe(error))
        return None

    def _device_ids(self, consumer_id: str, deadline: Deadline) -> Sequence[str]:
        """Return the TVs to ask for: the consumer's, or without a key to read those, the ones in the ledger."""
        if self.settings.zype_api_key is None:
            return self.history.device_ids(consumer_id, MAX_DEVICES)
        return self.zype.consumer(consumer_id, deadline).linked_devices[:MAX_DEVICES]

    def _is_same(self, pin: Pin, other: str | None) -> bool:
        try:
            return other is not None and self.settings.pin_rules.normalise(other) == pin
        except MalformedPin:
            return False


def _is_link(entry: Entry) -> bool:
    return entry.action == Action.LINK and entry.outcome == Outcome.LINKED
