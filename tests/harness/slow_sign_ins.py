"""Sign-ins that are slowed after many failures: tests record how long they would wait, and take all their threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from portal.pages.auth import sign_in_attempts

MOST_AT_ONCE = 4


def record_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the list to which the seconds are added that a slowed sign-in would wait; none waits."""
    waits: list[float] = []
    monkeypatch.setattr(sign_in_attempts, "time", SimpleNamespace(sleep=waits.append))
    return waits


@contextmanager
def most_slow_sign_ins() -> Iterator[None]:
    """Have as many slowed sign-ins under way as may be at once while the block runs."""
    slots = sign_in_attempts._slow_slots
    taken = [slots.acquire(blocking=False) for _ in range(MOST_AT_ONCE + 1)]
    try:
        assert taken == [True] * MOST_AT_ONCE + [False]
        yield
    finally:
        for _ in range(taken.count(True)):
            slots.release()
