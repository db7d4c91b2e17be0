"""The delay of sign-ins to an account that failed too often: it is never locked, or anybody could lock it."""

import threading
import time
from dataclasses import dataclass, field

from portal.domain.actors import ActorKind

SECONDS = 2.0
# One of so many threads may wait for viewers, and as many again for staff: guessing must not stop the portal.
THREADS_A_PLACE = 8


@dataclass(frozen=True)
class Delays:
    """The places in a worker where sign-ins wait: few in all, viewers and staff apart, and one for each account.

    So whoever keeps one account waiting keeps no other out, and no agent by way of the viewers' form.

    Args:
        places: for each kind of actor.
    """

    places: int
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: set[tuple[ActorKind, str]] = field(default_factory=set)

    def wait(self, kind: ActorKind, subject_hash: str) -> bool:
        """Wait for SECONDS, unless there is no place; tell whether this one did."""
        place = (kind, subject_hash)
        with self._lock:
            taken = sum(other is kind for other, _ in self._waiting)
            if place in self._waiting or taken >= self.places:
                return False
            self._waiting.add(place)
        try:
            time.sleep(SECONDS)
        finally:
            with self._lock:
                self._waiting.discard(place)
        return True


def delays(threads: int) -> Delays:
    """Return the places of a worker with so many threads."""
    return Delays(max(1, threads // THREADS_A_PLACE))
