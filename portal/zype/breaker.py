"""What keeps a slow or dead Zype from taking the portal's threads along: a breaker and a bulkhead.

Neither waits, and neither holds a lock during a call: past them a call goes ahead, or is refused at once.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from portal.zype.errors import Unavailable, ZypeError

FAILURES_TO_OPEN = 10
SECONDS_OPEN = 15.0
# What a refused call is told when nobody knows better: a call under way seldom takes longer.
_SECONDS_TO_WAIT = 1.0


class Breaker:
    """Stops calls to an origin that has failed ten times in a row, and lets one probe through after a while.

    Failures are calls without a whole answer and answers with a 5xx. Any other answer shows that the origin
    is alive, also one that is refused or can't be read.

    Args:
        clock: seconds of a clock that only moves forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._probe_at = 0.0
        self._is_probing = False

    @contextmanager
    def watch(self, method: str, path: str, answered: Callable[[], bool]) -> Iterator[None]:
        """Watch over one call, which the body of the with statement makes.

        Args:
            answered: tells at the end whether the origin was asked at all and answered.

        Raises:
            Unavailable: instead of running the body, if the breaker is open.
        """
        is_probe = self._enter(method, path)
        failed: bool | None = None
        try:
            yield
        except ZypeError as error:
            failed = error.status is None or error.status >= 500
            raise
        finally:
            if failed is None and answered():
                failed = False
            self._leave(is_probe, failed)

    def _enter(self, method: str, path: str) -> bool:
        """Return whether the call is the probe of an open breaker."""
        with self._lock:
            if self._failures < FAILURES_TO_OPEN:
                return False
            wait = self._probe_at - self._clock()
            if wait <= 0 and not self._is_probing:
                self._is_probing = True
                return True
        seconds = max(wait, _SECONDS_TO_WAIT)
        raise Unavailable(method, path, reason="breaker open", retryable=True, retry_after=seconds)

    def _leave(self, is_probe: bool, failed: bool | None) -> None:
        """Count how a call ended; None if it says nothing about the origin."""
        with self._lock:
            if is_probe:
                self._is_probing = False
            if failed is False:
                self._failures = 0
            elif failed and (is_probe or self._failures < FAILURES_TO_OPEN):
                # Stragglers that fail while it is open don't keep it open for longer.
                self._failures = min(self._failures + 1, FAILURES_TO_OPEN)
                self._probe_at = self._clock() + SECONDS_OPEN


class Bulkhead:
    """At most so many calls in flight; the next one is refused at once instead of waiting.

    Args:
        calls: how many, over all origins of a worker.
    """

    def __init__(self, calls: int) -> None:
        self._free = threading.BoundedSemaphore(calls)

    @contextmanager
    def slot(self, method: str, path: str) -> Iterator[None]:
        """Take one of the calls for the length of the with statement.

        Raises:
            Unavailable: instead of running the body, if all of them are in flight.
        """
        if not self._free.acquire(blocking=False):
            raise Unavailable(
                method,
                path,
                reason="too many calls in flight",
                retryable=True,
                retry_after=_SECONDS_TO_WAIT,
            )
        try:
            yield
        finally:
            self._free.release()
