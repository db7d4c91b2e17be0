"""Single flight: a request for an attempt that is already in flight waits for its outcome, within narrow bounds."""

import threading
import time
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.database.engine import describe
from portal.domain.outcomes import Outcome
from portal.ledger.attempts import Attempt, Begun, Entry, InFlight, RateLimited, Repeated
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Limit

log = structlog.get_logger("portal.linking")

MAX_WAITING = 4
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Joined:
    """The outcome of an attempt that was in flight, or of the same one a moment ago.

    Args:
        outcome: of its action; unknown if there was none in time, unavailable if there was no room to wait for it.
        attempt_id: the attempt in the ledger that the outcome belongs to.
        linked_device_id: the TV, if the ledger names it.
    """

    outcome: str
    attempt_id: str
    linked_device_id: str | None = None


class SingleFlight:
    """Begins attempts, and joins those that are in flight already, in this worker or another.

    In one worker, one request may wait for an attempt, one for an actor, and four in all: waiting requests don't take
    its threads, and nobody takes all places. Each waits for as many seconds as a call to Zype may take.
    """

    def __init__(self, ledger: Ledger, history: History, seconds: float) -> None:
        self._ledger = ledger
        self._history = history
        self._seconds = seconds
        self._lock = threading.Lock()
        # Who waits, by the attempt.
        self._waiting: dict[str, tuple[str, str]] = {}

    def begin(self, attempt: Attempt, limits: tuple[Limit, ...]) -> Begun | RateLimited | Joined:
        """Write the attempt to the ledger, or wait for the outcome of the same attempt. Raises as ``Ledger.begin``."""
        # An attempt that is older than a call may take has lost its process; calling Zype again is safe.
        begun = self._ledger.begin(attempt, limits, join_within=timedelta(seconds=self._seconds + 1))
        match begun:
            case InFlight(attempt_id):
                return self._join(attempt, attempt_id)
            case Repeated(attempt_id, outcome):
                return Joined(outcome, attempt_id)
            case _:
                return begun

    def _join(self, attempt: Attempt, attempt_id: str) -> Joined:
        if not self._reserve(attempt_id, (attempt.actor.kind, attempt.actor.id)):
            return Joined(Outcome.UNAVAILABLE, attempt_id)
        try:
            entry = self._wait(attempt_id)
        except SQLAlchemyError as error:
            log.error("ledger_unreadable", attempt_id=attempt_id, why=describe(error))
            entry = None
        finally:
            self._release(attempt_id)
        if entry is None or entry.outcome is None:
            return Joined(Outcome.UNKNOWN, attempt_id)
        if not entry.is_by(attempt.actor):
            # Zype was called once for both actors, but the ledger names everybody who acted, and why.
            attempt_id = attempt.id
            attempt = replace(attempt, linked_device_id=entry.linked_device_id, pin_fingerprint=entry.pin_fingerprint)
            self._ledger.record(attempt, entry.outcome)
        return Joined(entry.outcome, attempt_id, entry.linked_device_id)

    def _wait(self, attempt_id: str) -> Entry | None:
        end = time.monotonic() + self._seconds
        while (entry := self._history.outcome(attempt_id)) is None and time.monotonic() < end:
            # Another process may have the attempt, so only the ledger tells that it has ended.
            time.sleep(POLL_SECONDS)
        return entry

    def _reserve(self, attempt_id: str, actor: tuple[str, str]) -> bool:
        with self._lock:
            is_taken = attempt_id in self._waiting or actor in self._waiting.values()
            if is_taken or len(self._waiting) >= MAX_WAITING:
                return False
            self._waiting[attempt_id] = actor
            return True

    def _release(self, attempt_id: str) -> None:
        with self._lock:
            del self._waiting[attempt_id]
