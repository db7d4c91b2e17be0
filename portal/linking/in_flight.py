"""Waiting for an attempt that another request has under way, without letting waiters fill the worker."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

WAITERS_PER_WORKER = 4
POLL_SECONDS = 0.1


class Waiters:
    """Who waits in this worker: one an attempt, and a few in all. The rest are told at once to come back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waited_for: set[str] = set()

    def wait(self, attempt_id: str, seconds: float, look: Callable[[], T | None]) -> T | None:
        """Look again and again until there is something to see or the time is up.

        Args:
            attempt_id: what is waited for.
            seconds: how long at most.
            look: returns none as long as there is nothing yet.

        Raises:
            TooManyWaiters: somebody waits for this attempt already, or the worker has all the waiters it can bear.
        """
        with self._place(attempt_id):
            end = time.monotonic() + seconds
            while (seen := look()) is None and time.monotonic() < end:
                time.sleep(POLL_SECONDS)
            return seen

    @contextmanager
    def _place(self, attempt_id: str) -> Iterator[None]:
        with self._lock:
            if attempt_id in self._waited_for or len(self._waited_for) >= WAITERS_PER_WORKER:
                raise TooManyWaiters
            self._waited_for.add(attempt_id)
        try:
            yield
        finally:
            with self._lock:
                self._waited_for.discard(attempt_id)


class TooManyWaiters(Exception):
    """There is no place to wait."""
