"""Sign-ins that are slowed after many failures: tests record how long they would wait, and take all their places."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest
from flask import Flask

from portal.domain.actors import ActorKind
from portal.ledger import delays
from tests.fixtures import services_of


def record_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the list to which the seconds are added that a slowed sign-in would wait; none waits."""
    waits: list[float] = []
    monkeypatch.setattr(delays, "time", SimpleNamespace(sleep=waits.append))
    return waits


@contextmanager
def waiting(app: Flask, kind: ActorKind, *subject_hashes: str) -> Iterator[None]:
    """Have a sign-in to each of these accounts wait while the block runs."""
    places = services_of(app).delays
    with ExitStack() as stack:
        for subject_hash in subject_hashes:
            assert (kind, subject_hash) not in places._waiting
            places._waiting.add((kind, subject_hash))
            stack.callback(places._waiting.discard, (kind, subject_hash))
        yield


def all_places(app: Flask) -> list[str]:
    """Return as many accounts as may wait at once."""
    return [f"account-{number}" for number in range(services_of(app).delays.places)]
