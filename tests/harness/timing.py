"""Bounds on time, wide enough for a busy machine and far below what they guard against."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer."""
    start = monotonic()
    yield
    assert monotonic() - start < seconds
