"""Bounds on time, wide enough for a busy machine and far below what they guard against."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

SECONDS = 10.0


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer."""
    start = monotonic()
    yield
    assert monotonic() - start < seconds


def wait_until(is_so: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Return as soon as the condition is true."""
    deadline = monotonic() + seconds
    while not is_so():
        assert monotonic() < deadline, f"After {seconds} seconds still not true: {what}"
        sleep(0.02)
