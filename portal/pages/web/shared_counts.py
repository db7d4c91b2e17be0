"""How many requests each address has sent to all workers, in Redis; in this worker's memory while that is away."""

from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import structlog
from limits.storage import RedisStorage

from portal.pages.web.request_counts import RequestCounts

log = structlog.get_logger("portal.web")

# Every request waits for Redis, so its time-out is short.
REDIS_SECONDS = 0.3
# Between two questions while it is away: twice as long each time, up to the second.
_FIRST_PAUSE_SECONDS = 1
_LAST_PAUSE_SECONDS = 32

Answer = TypeVar("Answer")


class SharedCounts:
    """Counts as RequestCounts does, for every worker that uses the same Redis or Valkey.

    Args:
        url: of Redis, perhaps with a password.
    """

    def __init__(self, url: str) -> None:
        self._redis = RedisStorage(url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS)
        self._memory = RequestCounts()
        self._pause = 0
        self._ask_again_at = 0.0

    def incr(self, key: str, expiry: int) -> int:
        """Count a request, in a new window of ``expiry`` seconds if there is none, and return how many it has now."""
        return self._ask(lambda counts: counts.incr(key, expiry))

    def get_expiry(self, key: str) -> float:
        """Return when the current window ends, in seconds since the epoch."""
        return self._ask(lambda counts: counts.get_expiry(key))

    def _ask(self, question: Callable[[RedisStorage | RequestCounts], Answer]) -> Answer:
        if self._pause and monotonic() < self._ask_again_at:
            return question(self._memory)
        if self._pause:
            # One request asks whether it is back. The others need not wait for the answer.
            self._wait_longer()
        try:
            answer = question(self._redis)
        except Exception as error:
            # Whatever is wrong with Redis or its client, it fails no page.
            self._turn_to_memory(error)
            return question(self._memory)
        if self._pause:
            self._pause = 0
            log.info("flood_counts_shared_again")
        return answer

    def _turn_to_memory(self, error: Exception) -> None:
        # Requests that wait for Redis together when it fails get here one after the other.
        if not self._pause:
            self._wait_longer()
            # Its message may name the host, or quote the address of a client.
            log.warning("flood_counts_not_shared", why=type(error).__name__)

    def _wait_longer(self) -> None:
        self._pause = min(self._pause * 2 or _FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS)
        self._ask_again_at = monotonic() + self._pause
