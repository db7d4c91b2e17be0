"""The sandbox's record of the calls to link and unlink, to compare with what a client reports."""

from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from itertools import count
from typing import Any

MAX_CALLS = 100_000


@dataclass
class Call:
    """One call.

    Args:
        sequence: counts from 1 in the order of arrival.
        time: of arrival, ISO 8601.
        path: without its query.
        pin: the first 12 digits of the SHA-256 of the PIN, never the PIN.
        status: of the answer; None while the call is in flight, and if the answer was lost.
        done: whether the sandbox linked or unlinked a TV.
    """

    sequence: int
    time: str
    method: str
    path: str
    consumer_id: str
    pin: str
    status: int | None = None
    done: bool = False


class Record:
    """The newest MAX_CALLS calls."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)
        self._sequence = count(1)

    def add(self, time: datetime, method: str, path: str, consumer_id: str, pin: str) -> Call:
        """Record a call on arrival; the caller sets status and done later."""
        pin_hash = sha256(pin.encode()).hexdigest()[:12]
        call = Call(next(self._sequence), time.isoformat(), method, path, consumer_id, pin_hash)
        self._calls.append(call)
        return call

    def as_json(self) -> list[dict[str, Any]]:
        """Return the calls, oldest first."""
        return [asdict(call) for call in list(self._calls)]
