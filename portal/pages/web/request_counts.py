"""How many requests each address has sent in its current window, in the memory of this worker."""

import threading
import time
from collections import OrderedDict
from time import monotonic

# Some 30 MB. With more addresses than that at once the oldest windows are forgotten: a limit of each address would not
# stop such a flood anyway.
MAX_WINDOWS = 100_000
_NO_WINDOW = (0, float("-inf"))


class RequestCounts:
    """Counts requests in fixed windows.

    The storage that comes with ``limits`` starts a thread for each request, which looks at every address that it knows:
    a sixth of the time of a page, and more the more addresses there are. It also keeps an address out for an hour more
    if the clock is set back an hour.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By key, the number of requests and the end of the window, by the clock that nobody sets. The newest is last.
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def incr(self, key: str, expiry: int) -> int:
        """Count a request, in a new window of ``expiry`` seconds if there is none, and return how many it has now."""
        now = monotonic()
        with self._lock:
            count, end = self._windows.get(key, _NO_WINDOW)
            if end <= now:
                self._make_room(key, now)
                count, end = 0, now + expiry
            self._windows[key] = count + 1, end
            return count + 1

    def get_expiry(self, key: str) -> float:
        """Return when the current window ends, in seconds since the epoch; now if there is none."""
        _, end = self._windows.get(key, _NO_WINDOW)
        return time.time() + max(0.0, end - monotonic())

    def _make_room(self, key: str, now: float) -> None:
        """Forget the old window of a key, so that its new one is the last, and the first ones that have ended."""
        self._windows.pop(key, None)
        while self._windows and (len(self._windows) >= MAX_WINDOWS or self._first_end() <= now):
            self._windows.popitem(last=False)

    def _first_end(self) -> float:
        return next(iter(self._windows.values()))[1]
