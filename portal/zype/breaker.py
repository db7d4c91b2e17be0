"""A breaker and a bulkhead, so that a slow or dead Zype can't occupy all of the portal's threads.

Neither waits, and neither holds a lock during a call: a call goes ahead or is refused at once.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from portal.zype.errors import Unavailable, ZypeError

FAILURES_TO_OPEN = 10
SECONDS_OPEN = 15.0
# The Retry-After of a refused call if nothing better is known: a call in flight seldom takes longer.
_RETRY_AFTER = 1.0


class Breaker:
    """Stops calls to an origin after ten failures in a row, and lets one probe through after SECONDS_OPEN.

    A failure is a call without a whole answer, or a 5xx. Any other answer shows that the origin is alive, also a
    refusal and one that can't be read. The clock is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._probe_at = 0.0
        self._is_probing = False

    @contextmanager
    def watch(self, method: str, path: str, is_answered: Callable[[], bool]) -> Iterator[None]:
        """Watch one call, which the body of the with statement makes. Raises Unavailable if the breaker is open.

        At the end, ``is_answered`` says whether the origin was called at all and answered.
        """
        is_probe = self._admit(method, path)
        failed: bool | None = None
        try:
            yield
        except ZypeError as error:
            failed = error.status is None or error.status >= 500
            raise
        finally:
            if failed is None and is_answered():
                failed = False
            self._record(is_probe, failed)

    def _admit(self, method: str, path: str) -> bool:
        """Return whether the call is the probe of an open breaker; raise Unavailable if it is refused."""
        with self._lock:
            if self._failures < FAILURES_TO_OPEN:
                return False
            wait = self._probe_at - self._clock()
            if wait <= 0 and not self._is_probing:
                self._is_probing = True
                return True
        seconds = max(wait, _RETRY_AFTER)
        raise Unavailable(method, path, reason="breaker open", retryable=True, retry_after=seconds)

    def _record(self, is_probe: bool, failed: bool | None) -> None:
        """Count the result of a call; None if it says nothing about the origin."""
        with self._lock:
            if is_probe:
                self._is_probing = False
            if failed is False:
                self._failures = 0
            elif failed and (is_probe or self._failures < FAILURES_TO_OPEN):
                # A call that began earlier and fails while the breaker is open does not keep it open for longer.
                self._failures = min(self._failures + 1, FAILURES_TO_OPEN)
                self._probe_at = self._clock() + SECONDS_OPEN


class Bulkhead:
    """Limits the calls in flight, over all origins of a worker; one too many is refused at once."""

    def __init__(self, calls: int) -> None:
        self._free = threading.BoundedSemaphore(calls)

    @contextmanager
    def slot(self, method: str, path: str) -> Iterator[None]:
        """Take one of the slots for the length of the with statement. Raises Unavailable if all are taken."""
        if not self._free.acquire(blocking=False):
            reason = "too many calls in flight"
            raise Unavailable(method, path, reason=reason, retryable=True, retry_after=_RETRY_AFTER)
        try:
            yield
        finally:
            self._free.release()
