"""Bounds on time, wide enough for a busy machine and far below what they guard against."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

SECONDS = 10.0
EVERY = 0.02


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer."""
    start = monotonic()
    yield
    assert monotonic() - start < seconds


def is_soon(is_so: Callable[[], object], seconds: float = SECONDS, every: float = EVERY) -> bool:
    """Tell whether the condition becomes true in time, as soon as it does.

    Args:
        seconds: until it is given up.
        every: how many seconds to wait before the condition is looked at again.
    """
    deadline = monotonic() + seconds
    while not is_so():
        if monotonic() > deadline:
            return False
        sleep(every)
    return True


def wait_until(
    is_so: Callable[[], object], what: str | Callable[[], str], seconds: float = SECONDS, every: float = EVERY
) -> None:
    """Return as soon as the condition is true.

    Args:
        what: the condition in words, or what returns them at the end.
        seconds: until it is given up.
        every: how many seconds to wait before the condition is looked at again.
    """
    if not is_soon(is_so, seconds, every):
        raise AssertionError(f"After {seconds} seconds still not true: {what if isinstance(what, str) else what()}")
