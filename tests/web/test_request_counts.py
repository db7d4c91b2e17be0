"""Requests are counted in windows, in this worker's memory, at no cost but the counting."""

import threading

import pytest
import time_machine

from portal.pages.web import request_counts
from portal.pages.web.request_counts import RequestCounts
from tests.web.conftest import NOON
from tests.web.test_limits import client_with, statuses


def test_a_window_begins_with_its_first_request_and_ends(clock: time_machine.Traveller) -> None:
    counts = RequestCounts()
    assert counts.get_expiry("a") == NOON
    clock.shift(20)
    assert [counts.incr("a", 60), counts.incr("a", 60), counts.incr("b", 60)] == [1, 2, 1]
    assert counts.get_expiry("a") == NOON + 80
    clock.shift(59)
    assert counts.incr("a", 60) == 3
    clock.shift(1)
    assert counts.get_expiry("a") == NOON + 80, "now"
    assert (counts.incr("a", 60), counts.get_expiry("a")) == (1, NOON + 140)


def test_a_clock_that_is_set_back_keeps_nobody_out_for_longer(
    clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = RequestCounts()
    counts.incr("a", 60)
    monkeypatch.setattr(request_counts, "monotonic", lambda: NOON + 20)
    clock.shift(-3600)
    assert (counts.incr("a", 60), counts.get_expiry("a")) == (2, NOON - 3600 + 40)
    monkeypatch.setattr(request_counts, "monotonic", lambda: NOON + 60)
    assert counts.incr("a", 60) == 1


def test_addresses_are_forgotten(clock: time_machine.Traveller) -> None:
    counts = RequestCounts()
    for name in ("a", "b", "c"):
        counts.incr(name, 60)
    clock.shift(60)
    counts.incr("d", 60)
    assert list(vars(counts)["_windows"]) == ["d"]


def test_many_addresses_take_no_more_memory_than_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_counts, "MAX_WINDOWS", 3)
    counts = RequestCounts()
    for name in ("a", "b", "c", "a", "d", "e"):
        counts.incr(name, 86400)
    assert [counts.incr(name, 86400) for name in "cdeab"] == [2, 2, 2, 1, 1], "the oldest windows are forgotten first"


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
    assert counts.incr("a", 60) == 2001


def test_counting_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    client = client_with()
    monkeypatch.setattr(threading.Thread, "start", started.append)
    assert statuses(client, "192.0.2.1", "192.0.2.1") == [200, 200]
    assert started == []
