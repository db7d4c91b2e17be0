"""The time by which a call has to end."""

import time
from collections.abc import Callable


class Deadline:
    """The time by which a call, or several calls together, have to end: in so many seconds by a monotonic clock."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left, 0 after the end."""
        return max(0.0, self._end - self._clock())

    def timeout(self) -> float:
        """Return the seconds that are left, as the time-out of the next step. Raises TimeoutError if none are left."""
        seconds = self.remaining()
        if not seconds:
            raise TimeoutError("the call's deadline has passed")
        return seconds
