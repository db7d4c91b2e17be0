"""Requests are counted in windows, in this worker's memory, at no cost but the counting."""

import threading
from collections.abc import Iterator

import pytest
import time_machine

from portal.pages.web.request_counts import SWEEP_SECONDS, RequestCounts
from tests.web.test_limits import NOON, client_with, statuses


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def test_a_window_begins_with_its_first_request_and_ends(clock: time_machine.Traveller) -> None:
    counts = RequestCounts()
    assert (counts.get("a"), counts.get_expiry("a")) == (0, NOON)
    clock.shift(20)
    assert [counts.incr("a", 60), counts.incr("a", 60, amount=3), counts.incr("b", 60)] == [1, 4, 1]
    assert (counts.get("a"), counts.get_expiry("a")) == (4, NOON + 80)
    clock.shift(59)
    assert counts.incr("a", 60) == 5
    clock.shift(1)
    assert (counts.get("a"), counts.get_expiry("a")) == (0, NOON + 80)
    assert (counts.incr("a", 60), counts.get_expiry("a")) == (1, NOON + 140)


def test_addresses_are_forgotten(clock: time_machine.Traveller) -> None:
    counts = RequestCounts()
    for name in ("a", "b", "c"):
        counts.incr(name, 60)
    counts.clear("b")
    assert [counts.get(name) for name in ("a", "b", "c")] == [1, 0, 1]
    clock.shift(SWEEP_SECONDS)
    counts.incr("d", 60)
    assert counts.check()
    assert counts.reset() == 1, "those whose windows had ended were swept away"
    assert counts.get("d") == 0


def test_no_request_is_lost_between_threads() -> None:
    counts = RequestCounts()

    def count() -> None:
        for _ in range(500):
            counts.incr("a", 60)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.get("a") == 2000


def test_counting_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    client = client_with()
    monkeypatch.setattr(threading.Thread, "start", started.append)
    assert statuses(client, "192.0.2.1", "192.0.2.1") == [200, 200]
    assert started == []
