"""The sandbox's own record of the calls that link and unlink, to be compared with what a client believes."""

from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from itertools import count
from typing import Any

LONGEST = 100_000


@dataclass
class Call:
    """One call that arrived.

    Args:
        sequence: counts from 1 in the order of arrival.
        time: when it arrived, ISO 8601.
        method: the HTTP method.
        path: without its query.
        consumer_id: as it was sent.
        pin: the first 12 digits of the SHA-256 of the PIN, never the PIN.
        status: what was answered; None while it is under way and when the answer was lost.
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
    """The newest calls, as many as LONGEST."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=LONGEST)
        self._sequence = count(1)

    def begin(self, time: datetime, method: str, path: str, consumer_id: str, pin: str) -> Call:
        """Write a call down on arrival; the caller fills in how it ended."""
        pin_hash = sha256(pin.encode()).hexdigest()[:12]
        call = Call(next(self._sequence), time.isoformat(), method, path, consumer_id, pin_hash)
        self._calls.append(call)
        return call

    def as_json(self) -> list[dict[str, Any]]:
        """Return the calls, oldest first."""
        return [asdict(call) for call in list(self._calls)]
