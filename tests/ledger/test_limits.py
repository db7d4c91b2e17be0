"""Limits on attempts hold whatever happens at the same time, on either database."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from limits import parse

from portal.database.database import Database
from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.ledger.attempts import Attempt, Begun, InFlight, RateLimited
from portal.ledger.ledger import Ledger
from portal.ledger.limits import PENDING_TIMEOUT, Limit
from portal.ledger.tables import ledger as table
from tests.harness.ledger import actor, ledger_on

VIEWER = Limit(("consumer_id",), (parse("5/15minutes"), parse("20/day")))
ADDRESS = Limit(("address_hash",), (parse("8/15minutes"),))


def attempt(number: int, consumer_id: str = "alice", address: str = "192.0.2.1") -> Attempt:
    return Attempt(Action.LINK, actor(consumer_id, address), consumer_id, pin_fingerprint=f"{number:064}")


def try_once(ledger: Ledger, tried: Attempt, outcome: str = "not_found") -> Begun | InFlight | RateLimited:
    begun = ledger.begin(tried, (VIEWER, ADDRESS))
    if begun == Begun():
        ledger.finish(tried, outcome)
    return begun


def test_the_sixth_wrong_pin_of_a_viewer_has_to_wait(ledger: Ledger) -> None:
    assert [try_once(ledger, attempt(n)) for n in range(5)] == [Begun()] * 5

    sixth = try_once(ledger, attempt(5))

    assert isinstance(sixth, RateLimited)
    assert 890 < sixth.retry_after <= 900


def test_a_viewer_s_limit_is_their_own(ledger: Ledger) -> None:
    for n in range(6):
        try_once(ledger, attempt(n))

    assert try_once(ledger, attempt(6, "mallory")) == Begun()


def test_an_address_is_limited_across_viewers(ledger: Ledger) -> None:
    for n in range(8):
        assert try_once(ledger, attempt(n, f"viewer-{n}")) == Begun()

    assert isinstance(try_once(ledger, attempt(8, "viewer-8")), RateLimited)
    assert try_once(ledger, attempt(9, "viewer-8", "192.0.2.2")) == Begun()


def test_an_ipv6_household_is_one_address(ledger: Ledger) -> None:
    for n in range(8):
        assert try_once(ledger, attempt(n, f"viewer-{n}", f"2001:db8::{n}")) == Begun()

    assert isinstance(try_once(ledger, attempt(8, "viewer-8", "2001:db8::ffff")), RateLimited)
    assert try_once(ledger, attempt(9, "viewer-9", "2001:db8:0:1::1")) == Begun()


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_counts_is_what_may_have_been_a_guess(ledger: Ledger, outcome: Outcome) -> None:
    for n in range(5):
        try_once(ledger, attempt(n), outcome)

    counts = outcome in (Outcome.NOT_FOUND, Outcome.REFUSED, Outcome.UNKNOWN)
    assert isinstance(try_once(ledger, attempt(5)), RateLimited) == counts


@pytest.mark.parametrize("outcome", list(UnlinkOutcome))
def test_unlinking_does_not_count_as_linking(ledger: Ledger, outcome: UnlinkOutcome) -> None:
    for n in range(8):
        ledger.record(Attempt(Action.UNLINK, actor("alice"), "alice", f"tv-{n}"), outcome)

    assert try_once(ledger, attempt(1)) == Begun()


def test_an_attempt_that_the_limit_stops_is_in_the_ledger_and_does_not_count(
    ledger: Ledger, database: Database
) -> None:
    for n in range(5):
        try_once(ledger, attempt(n))
    first = try_once(ledger, attempt(5))
    second = try_once(ledger, attempt(6))

    assert isinstance(first, RateLimited)
    assert isinstance(second, RateLimited)
    assert second.retry_after <= first.retry_after
    with database.read() as connection:
        stopped = connection.execute(sa.select(table.c.outcome).where(table.c.outcome == "too_many")).all()
    assert len(stopped) == 2


def test_thirty_at_once_pass_exactly_as_often_as_the_limit_says(ledger: Ledger) -> None:
    gate = threading.Barrier(30)

    def guess(number: int) -> Begun | InFlight | RateLimited:
        gate.wait()
        return ledger.begin(attempt(number), (VIEWER,))

    with ThreadPoolExecutor(30) as pool:
        results = list(pool.map(guess, range(30)))

    assert results.count(Begun()) == 5
    assert sum(isinstance(result, RateLimited) for result in results) == 25


def test_the_same_pin_at_once_is_one_attempt(ledger: Ledger) -> None:
    gate = threading.Barrier(10)

    def click(_: int) -> Begun | InFlight | RateLimited:
        gate.wait()
        return ledger.begin(attempt(7), (VIEWER, ADDRESS), join_within=timedelta(seconds=9))

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(click, range(10)))

    assert results.count(Begun()) == 1
    assert len({result.attempt_id for result in results if isinstance(result, InFlight)}) == 1


def test_the_same_pin_of_two_viewers_is_two_attempts(ledger: Ledger) -> None:
    soon = timedelta(seconds=9)

    assert ledger.begin(attempt(1, "alice"), join_within=soon) == Begun()
    assert ledger.begin(attempt(1, "mallory"), join_within=soon) == Begun()


@pytest.fixture
def sqlite_ledger(sqlite_url: str) -> Iterator[Ledger]:
    # SQLite takes this process's clock, which a test can turn. PostgreSQL has its own: a short window is tested there.
    database = Database(sqlite_url)
    yield ledger_on(database)
    database.dispose()


def test_a_limit_ends_when_its_oldest_attempt_is_old_enough(sqlite_ledger: Ledger) -> None:
    with time_machine.travel("2026-05-04T12:00:00Z", tick=False) as clock:
        for n in range(5):
            try_once(sqlite_ledger, attempt(n))
            clock.shift(60)
        stopped = try_once(sqlite_ledger, attempt(5))
        assert stopped == RateLimited(600.0)

        clock.shift(599)
        assert isinstance(try_once(sqlite_ledger, attempt(6)), RateLimited)
        clock.shift(1)
        assert try_once(sqlite_ledger, attempt(7)) == Begun()
        assert isinstance(try_once(sqlite_ledger, attempt(8)), RateLimited)


def test_the_day_s_limit_holds_beyond_the_quarter_hours(sqlite_ledger: Ledger) -> None:
    with time_machine.travel("2026-05-04T00:00:00Z", tick=False) as clock:
        for n in range(20):
            assert try_once(sqlite_ledger, attempt(n, address=f"192.0.2.{n}")) == Begun()
            clock.shift(1000)
        stopped = try_once(sqlite_ledger, attempt(20))

    assert isinstance(stopped, RateLimited)
    assert stopped.retry_after == 24 * 3600 - 20_000


def test_an_attempt_without_an_outcome_counts_for_a_minute(sqlite_ledger: Ledger) -> None:
    with time_machine.travel("2026-05-04T12:00:00Z", tick=False) as clock:
        for n in range(5):
            assert sqlite_ledger.begin(attempt(n), (VIEWER,)) == Begun()
        assert isinstance(sqlite_ledger.begin(attempt(5), (VIEWER,)), RateLimited)

        clock.shift(PENDING_TIMEOUT)
        assert sqlite_ledger.begin(attempt(6), (VIEWER,)) == Begun()


def test_a_short_window_ends_by_the_database_s_own_clock(ledger: Ledger) -> None:
    limit = Limit(("consumer_id",), (parse("1/1second"),))
    first, second = attempt(1), attempt(2)
    ledger.begin(first, (limit,))
    ledger.finish(first, "not_found")

    stopped = ledger.begin(second, (limit,))
    assert isinstance(stopped, RateLimited)
    assert 0 < stopped.retry_after <= 1
    threading.Event().wait(stopped.retry_after)
    assert ledger.begin(attempt(3), (limit,)) == Begun()
