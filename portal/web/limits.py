"""Keeps floods out: so many requests a minute from one address, whatever they ask for.

Attempts to link or to sign in are limited elsewhere, from the ledger. `limits` is asked directly: for one limit on
everything, Flask-Limiter around it costs 60 microseconds a request where this costs 5.
"""

import threading
import time
from collections import Counter
from functools import lru_cache
from math import ceil
from typing import cast

import structlog
from flask import Flask, request
from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string
from werkzeug.exceptions import TooManyRequests

from portal.config import Settings
from portal.keys import household

log = structlog.get_logger("portal.web")

EXEMPT = frozenset({"ops.healthz", "ops.readyz"})
# Redis is on the way of every request, so it gets no longer than this to answer,
REDIS_SECONDS = 0.3
# and once it did not, nobody waits for it again before this time is over.
REDIS_PAUSE_SECONDS = 5.0
PREFIX = "portal-flood"

household_of = lru_cache(maxsize=4096)(household)


def client_address() -> str:
    """Return the address of whoever sent this request, as the operator's proxies saw it; never empty."""
    return request.remote_addr or "unknown"


def init_app(app: Flask, settings: Settings) -> None:
    """Refuse a flood from one address with 429, before anything else is done for it.

    Raises in the request:
        werkzeug.exceptions.TooManyRequests: with the seconds until the limit is over as its retry_after.
    """
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    windows: Windows = SharedWindows(url) if url else Windows()

    @app.before_request
    def keep_floods_out() -> None:
        if request.endpoint in EXEMPT:
            return
        address = household_of(client_address())
        for item in settings.limit_flood:
            if windows.hit(item, address) > item.amount:
                raise TooManyRequests(retry_after=ceil(seconds_left(item)))


def seconds_left(item: RateLimitItem) -> float:
    """Return the seconds until the present window of a limit is over."""
    length = item.get_expiry()
    return length - time.time() % length


def window_number(item: RateLimitItem) -> int:
    """Return which window of a limit it is; the same for every worker and machine."""
    return int(time.time() // item.get_expiry())


class Windows:
    """Counts in windows of a fixed length, in the memory of this worker.

    A window is dropped whole when the next one begins, so that counting costs the same for any number of addresses.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._windows: dict[RateLimitItem, tuple[int, Counter[str]]] = {}

    def hit(self, item: RateLimitItem, address: str) -> int:
        """Count a request, and return how many there were from this address in the window so far."""
        number = window_number(item)
        with self._turn:
            current, counts = self._windows.get(item, (-1, Counter[str]()))
            if current != number:
                counts = Counter[str]()
                self._windows[item] = (number, counts)
            counts[address] += 1
            return counts[address]


class SharedWindows(Windows):
    """Counts in Redis or Valkey, for all workers and machines together, and in memory while that is gone.

    Args:
        url: ``redis://…``, ``rediss://…`` or ``valkey://…``.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        storage = storage_from_string(
            url,
            wrap_exceptions=True,
            socket_connect_timeout=REDIS_SECONDS,
            socket_timeout=REDIS_SECONDS,
        )
        # Only an address that starts with async+ would give another kind, and no setting may.
        self._storage = cast(Storage, storage)
        self._asked_again_at = 0.0

    def hit(self, item: RateLimitItem, address: str) -> int:
        """Count a request, and return how many there were from this address in the window so far."""
        if time.monotonic() >= self._asked_again_at:
            try:
                return self._storage.incr(item.key_for(PREFIX, address, window_number(item)), item.get_expiry())
            except StorageError as error:
                self._asked_again_at = time.monotonic() + REDIS_PAUSE_SECONDS
                log.warning("redis_failed", error=type(error.storage_error).__name__, counting="in memory")
        return super().hit(item, address)
