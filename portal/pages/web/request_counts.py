"""How many requests each address has sent in its current window, in the memory of this worker."""

import threading
import time

from limits.storage import Storage

SWEEP_SECONDS = 60.0


class RequestCounts(Storage):
    """A storage of ``limits`` for fixed windows.

    The one that comes with ``limits`` starts a thread for each request, which looks at every address that it knows:
    a sixth of the time of a page, and more the more addresses there are.

    Args:
        uri: of the storage; nothing of it is used.
        wrap_exceptions: as every storage takes it; this one raises none.
    """

    STORAGE_SCHEME = ["worker"]  # noqa: RUF012 - limits declares it as an attribute of objects.

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **_: str) -> None:
        super().__init__(uri, wrap_exceptions)
        self._lock = threading.Lock()
        # By key, the number of requests and the end of the window in seconds since the epoch.
        self._windows: dict[str, tuple[int, float]] = {}
        self._swept_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What a storage that fails raises; this one does not fail."""
        return ()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count requests, in a new window of ``expiry`` seconds if there is none, and return how many there are now."""
        now = time.time()
        with self._lock:
            self._sweep(now)
            count, end = self._windows.get(key, (0, 0.0))
            if end <= now:
                count, end = 0, now + expiry
            self._windows[key] = count + amount, end
            return count + amount

    def get(self, key: str) -> int:
        """Return the requests of the current window."""
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the current window ends, in seconds since the epoch; now if there is none."""
        _, end = self._windows.get(key, (0, 0.0))
        return max(end, time.time())

    def check(self) -> bool:
        """Tell that the storage works."""
        return True

    def clear(self, key: str) -> None:
        """Forget an address."""
        with self._lock:
            self._windows.pop(key, None)

    def reset(self) -> int:
        """Forget all addresses, and return how many there were."""
        with self._lock:
            known = len(self._windows)
            self._windows.clear()
            return known

    def _sweep(self, now: float) -> None:
        if now - self._swept_at >= SWEEP_SECONDS:
            self._swept_at = now
            self._windows = {key: window for key, window in self._windows.items() if window[1] > now}
