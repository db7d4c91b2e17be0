"""Limits on attempts are exact, however many attempts begin at the same time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from limits import parse

from portal.database.database import Database
from portal.domain.outcomes import Action, LookUpOutcome, Outcome, PasswordMailOutcome, SignInOutcome, UnlinkOutcome
from portal.ledger.attempts import Attempt, Begun, InFlight, RateLimited
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Counts, Limit, address_limits
from portal.ledger.rows import row_of, sign
from portal.ledger.tables import ledger as table
from tests.harness.ledger import actor, agent, ledger_on
from tests.harness.sent_statements import noted
from tests.ledger.conftest import on_any_database

VIEWER = Limit(("consumer_id",), (parse("5/15minutes"), parse("20/day")))
ADDRESS = Limit(("address_hash",), (parse("8/15minutes"),))


def attempt(number: int, consumer_id: str = "alice", address: str = "192.0.2.1") -> Attempt:
    return Attempt(Action.LINK, actor(consumer_id, address), consumer_id, pin_fingerprint=f"{number:064}")


def attempt_once(ledger: Ledger, tried: Attempt, outcome: str = "not_found") -> Begun | InFlight | RateLimited:
    begun = ledger.begin(tried, (VIEWER, ADDRESS))
    if begun == Begun():
        ledger.finish(tried, outcome)
    return begun


@on_any_database
def test_the_sixth_wrong_pin_of_a_viewer_is_limited(ledger: Ledger) -> None:
    assert [attempt_once(ledger, attempt(n)) for n in range(5)] == [Begun()] * 5

    sixth = attempt_once(ledger, attempt(5))

    assert isinstance(sixth, RateLimited)
    assert 890 < sixth.retry_after <= 900


def test_nobody_waits_longer_than_the_window_for_attempts_that_end_meanwhile(ledger: Ledger) -> None:
    with time_machine.travel("2026-05-04T12:00:00Z", tick=False) as clock:
        for n in range(5):
            attempt_once(ledger, attempt(n))
        clock.shift(-0.004)

        assert ledger.begin(attempt(5), (VIEWER,)) == RateLimited(900)


def test_each_viewer_has_a_limit_of_their_own(ledger: Ledger) -> None:
    for n in range(6):
        attempt_once(ledger, attempt(n))

    assert attempt_once(ledger, attempt(6, "mallory")) == Begun()


def test_an_address_is_limited_across_viewers(ledger: Ledger) -> None:
    for n in range(8):
        assert attempt_once(ledger, attempt(n, f"viewer-{n}")) == Begun()

    assert isinstance(attempt_once(ledger, attempt(8, "viewer-8")), RateLimited)
    assert attempt_once(ledger, attempt(9, "viewer-8", "192.0.2.2")) == Begun()


@on_any_database
def test_the_48_network_of_ipv6_addresses_has_ten_times_the_limit(ledger: Ledger) -> None:
    limits = address_limits((parse("2/15minutes"),))

    def guess(number: int, address: str) -> Begun | InFlight | RateLimited:
        tried = attempt(number, f"viewer-{number}", address)
        begun = ledger.begin(tried, limits)
        if begun == Begun():
            ledger.finish(tried, Outcome.NOT_FOUND)
        return begun

    for n in range(20):
        assert guess(n, f"2001:db8:0:{n // 2}::{n}") == Begun()

    assert isinstance(guess(20, "2001:db8:0:ffff::1"), RateLimited)
    assert guess(21, "2001:db8:1::1") == guess(22, "192.0.2.1") == guess(23, "192.0.2.2") == Begun()


def test_an_ipv6_network_counts_as_one_address(ledger: Ledger) -> None:
    for n in range(8):
        assert attempt_once(ledger, attempt(n, f"viewer-{n}", f"2001:db8::{n}")) == Begun()

    assert isinstance(attempt_once(ledger, attempt(8, "viewer-8", "2001:db8::ffff")), RateLimited)
    assert attempt_once(ledger, attempt(9, "viewer-9", "2001:db8:0:1::1")) == Begun()


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_outcomes_of_possible_guesses_count(ledger: Ledger, outcome: Outcome) -> None:
    for n in range(5):
        attempt_once(ledger, attempt(n), outcome)

    counts = outcome in (Outcome.NOT_FOUND, Outcome.REFUSED, Outcome.UNKNOWN)
    assert isinstance(attempt_once(ledger, attempt(5)), RateLimited) == counts


@pytest.mark.parametrize("outcome", list(UnlinkOutcome))
def test_unlinking_does_not_count_as_linking(ledger: Ledger, outcome: UnlinkOutcome) -> None:
    for n in range(8):
        ledger.record(Attempt(Action.UNLINK, actor("alice"), "alice", f"tv-{n}"), outcome)

    assert attempt_once(ledger, attempt(1)) == Begun()


def stopped_rows(database: Database) -> list[tuple[str | None, str | None]]:
    """Return consumer id and outcome of every row of an attempt that a limit stopped."""
    ids = sa.select(table.c.attempt_id).where(table.c.outcome == "too_many")
    query = sa.select(table.c.consumer_id, table.c.outcome).where(table.c.attempt_id.in_(ids)).order_by(table.c.id)
    with database.read() as connection:
        return [(row.consumer_id, row.outcome) for row in connection.execute(query)]


@on_any_database
def test_the_first_attempt_that_a_limit_stops_is_a_row_and_the_rest_are_counted(database: Database) -> None:
    counted: list[tuple[str, str]] = []
    ledger = Ledger(database, ledger_on(database).keyring, on_stop=lambda *of: counted.append(of))
    for n in range(5):
        attempt_once(ledger, attempt(n))
    first = attempt_once(ledger, attempt(5))
    with ThreadPoolExecutor(10) as pool:
        rest = list(pool.map(lambda n: attempt_once(ledger, attempt(n)), range(6, 30)))

    assert isinstance(first, RateLimited)
    assert all(isinstance(one, RateLimited) and one.retry_after <= first.retry_after for one in rest)
    assert stopped_rows(database) == [("alice", None), ("alice", "too_many")]
    assert counted == [("link", "viewer")] * 25


@on_any_database
def test_of_attempts_that_a_limit_stops_at_once_one_is_a_row(ledger: Ledger, database: Database) -> None:
    for n in range(5):
        attempt_once(ledger, attempt(n))
    gate = threading.Barrier(20)

    def guess(number: int) -> Begun | InFlight | RateLimited:
        gate.wait()
        return attempt_once(ledger, attempt(number))

    with ThreadPoolExecutor(20) as pool:
        assert all(isinstance(one, RateLimited) for one in pool.map(guess, range(5, 25)))

    assert stopped_rows(database) == [("alice", None), ("alice", "too_many")]


def test_an_address_past_its_limit_adds_no_rows_by_naming_others(ledger: Ledger, database: Database) -> None:
    for n in range(8):
        attempt_once(ledger, attempt(n, f"viewer-{n}"))
    for n in range(30):
        assert isinstance(attempt_once(ledger, attempt(n, f"other-{n}")), RateLimited)

    assert stopped_rows(database) == [("other-0", None), ("other-0", "too_many")]


@on_any_database
def test_of_malformed_attempts_only_as_many_are_rows_as_a_limit_allows(database: Database) -> None:
    counted: list[tuple[str, str]] = []
    ledger = Ledger(database, ledger_on(database).keyring, on_stop=lambda *of: counted.append(of))
    of_viewer = Limit(("consumer_id",), (parse("3/15minutes"),), counts=Counts.MALFORMED)
    of_agent = Limit(("actor_kind", "actor_id"), (parse("2/day"),), counts=Counts.MALFORMED_BY_AN_AGENT)
    for _ in range(6):
        ledger.record(Attempt(Action.LINK, actor("alice"), "alice"), Outcome.MALFORMED, of_viewer)
        ledger.record(Attempt(Action.LOOK_UP, agent()), LookUpOutcome.MALFORMED, of_agent)
    ledger.record(Attempt(Action.LINK, actor("mallory"), "mallory"), Outcome.MALFORMED, of_viewer)

    assert sorted(counted) == [("link", "viewer")] * 3 + [("look_up", "agent")] * 4
    with database.read() as connection:
        rows = connection.execute(sa.select(table.c.actor_id).where(table.c.outcome == "malformed")).scalars().all()
    assert sorted(rows) == ["alice"] * 3 + ["bob"] * 2 + ["mallory"]
    assert attempt_once(ledger, attempt(1)) == Begun(), "they count for nothing else"


def test_each_window_of_each_limit_has_a_row_of_its_own(ledger: Ledger, database: Database) -> None:
    with time_machine.travel("2026-05-04T12:00:00Z", tick=False) as clock:
        for viewer in ("alice", "mallory", "alice"):
            for n in range(8):
                attempt_once(ledger, attempt(n, viewer, f"192.0.2.{len(viewer)}"))
            clock.shift(451)

    assert [outcome for _, outcome in stopped_rows(database)] == [None, "too_many"] * 3
    assert {viewer for viewer, _ in stopped_rows(database)} == {"alice", "mallory"}


@on_any_database
def test_past_a_limit_that_slows_an_attempt_goes_on_slowly_but_not_from_a_known_address(ledger: Ledger) -> None:
    def begin(number: int) -> Begun | InFlight | RateLimited:
        tried = Attempt(Action.SIGN_IN, actor("", f"192.0.2.{number}"), subject_hash="a" * 64)
        begun = ledger.begin(tried, slow_past=Limit(("subject_hash",), (parse("2/15minutes"),)))
        ledger.finish(tried, SignInOutcome.SIGNED_IN if number == 1 else SignInOutcome.WRONG)
        return begun

    assert [begin(number) for number in (1, 2, 3, 4, 1, 5)] == [
        *[Begun()] * 3,
        Begun(is_slow=True),
        Begun(),
        Begun(is_slow=True),
    ]


@on_any_database
def test_thirty_attempts_at_once_do_not_exceed_the_limit(ledger: Ledger) -> None:
    gate = threading.Barrier(30)

    def guess(number: int) -> Begun | InFlight | RateLimited:
        gate.wait()
        return ledger.begin(attempt(number), (VIEWER,))

    with ThreadPoolExecutor(30) as pool:
        results = list(pool.map(guess, range(30)))

    assert results.count(Begun()) == 5
    assert sum(isinstance(result, RateLimited) for result in results) == 25


@on_any_database
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


def test_only_the_same_action_on_the_same_tv_or_pin_is_one_attempt(ledger: Ledger) -> None:
    def begin(tried: Attempt) -> Begun | InFlight | RateLimited:
        return ledger.begin(tried, join_within=timedelta(seconds=9))

    unlink, link = Attempt(Action.UNLINK, actor("alice"), "alice", "tv-1"), attempt(1)
    assert begin(unlink) == begin(link) == Begun()

    assert begin(Attempt(Action.UNDO, actor("alice"), "alice", "tv-1")) == Begun(), "another action"
    assert begin(Attempt(Action.UNLINK, actor("alice"), "alice", "tv-2")) == Begun(), "another TV"
    assert begin(attempt(2)) == Begun(), "another PIN"
    assert begin(replace(unlink, id="a" * 32)) == InFlight(unlink.id)
    assert begin(replace(link, id="b" * 32)) == InFlight(link.id)


# SQLite uses the clock of this process, which a test can set. PostgreSQL has its own: there an old row is written.


def test_a_limit_ends_when_its_oldest_attempt_is_old_enough(ledger: Ledger) -> None:
    with time_machine.travel("2026-05-04T12:00:00Z", tick=False) as clock:
        for n in range(5):
            attempt_once(ledger, attempt(n))
            clock.shift(60)
        stopped = attempt_once(ledger, attempt(5))
        assert stopped == RateLimited(600.0)

        clock.shift(599)
        assert isinstance(attempt_once(ledger, attempt(6)), RateLimited)
        clock.shift(1)
        assert attempt_once(ledger, attempt(7)) == Begun()
        assert isinstance(attempt_once(ledger, attempt(8)), RateLimited)


def test_the_limit_of_a_day_applies_beyond_the_limit_of_fifteen_minutes(ledger: Ledger) -> None:
    with time_machine.travel("2026-05-04T00:00:00Z", tick=False) as clock:
        for n in range(20):
            assert attempt_once(ledger, attempt(n, address=f"192.0.2.{n}")) == Begun()
            clock.shift(1000)
        stopped = attempt_once(ledger, attempt(20))

    assert isinstance(stopped, RateLimited)
    assert stopped.retry_after == 24 * 3600 - 20_000


def test_an_attempt_without_an_outcome_counts_for_sixty_seconds(ledger: Ledger) -> None:
    with time_machine.travel("2026-05-04T12:00:00Z", tick=False) as clock:
        for n in range(5):
            assert ledger.begin(attempt(n), (VIEWER,)) == Begun()
        assert ledger.begin(attempt(5), (VIEWER,)) == RateLimited(10.0)

        clock.shift(59)
        assert isinstance(ledger.begin(attempt(6), (VIEWER,)), RateLimited)
        clock.shift(1)
        assert ledger.begin(attempt(7), (VIEWER,)) == Begun()


def test_an_agent_s_attempt_in_flight_counts_towards_their_day(ledger: Ledger) -> None:
    day = (Limit(("actor_kind", "actor_id"), (parse("1/day"),), counts=Counts.ALL_OF_AN_AGENT),)

    assert ledger.begin(Attempt(Action.LINK, agent(), "alice", pin_fingerprint="1" * 64), day) == Begun()
    second = Attempt(Action.LINK, agent(), "mallory", pin_fingerprint="2" * 64)
    assert isinstance(ledger.begin(second, day), RateLimited)


def test_attempts_in_flight_count_for_their_own_action_alone(ledger: Ledger) -> None:
    for n in range(5):
        ledger.begin(Attempt(Action.UNLINK, actor("alice"), "alice", f"tv-{n}"))

    assert ledger.begin(attempt(1), (VIEWER,)) == Begun()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_window_ends_by_the_clock_of_postgresql(ledger: Ledger, database: Database) -> None:
    limit = Limit(("consumer_id",), (parse("1/15minutes"),))
    row = row_of(attempt(1), ledger.keyring) | {"outcome": "not_found"}
    with database.write() as connection:
        old = database.now(connection) - timedelta(minutes=15) + timedelta(seconds=0.3)
        connection.execute(table.insert(), sign(row, ledger.keyring.current, old))

    with time_machine.travel("2026-05-04T12:00:00Z"):
        stopped = ledger.begin(attempt(2), (limit,))
        assert isinstance(stopped, RateLimited)
        assert 0 < stopped.retry_after <= 0.3
        time.sleep(stopped.retry_after)
        assert ledger.begin(attempt(3), (limit,)) == Begun()


def test_counting_reads_an_index_and_never_the_whole_ledger(ledger: Ledger, database: Database) -> None:
    """Under the lock of all writers, a search of a large ledger would stop the portal."""
    statements: list[tuple[str, tuple[object, ...]]] = []

    def remember(statement: str, values: tuple[object, ...]) -> None:
        if statement.startswith("SELECT") and " ledger" in statement:
            statements.append((statement, values))

    items = (parse("1/15minutes"),)
    day = Limit(("actor_kind", "actor_id"), items, counts=Counts.ALL_OF_AN_AGENT)
    limits = (
        *(VIEWER, *address_limits(items, Counts.GUESSES_AND_BUSY), day, Limit(("subject_hash",), items)),
        Limit(("subject_hash", "address_hash"), items, counts=Counts.SUCCESSES),
    )
    with noted(database, remember):
        for _ in range(3):
            tried = Attempt(Action.LINK, agent("bob", "2001:db8::1"), "alice", subject_hash="a" * 64)
            if ledger.begin(tried, limits, slow_past=Limit(("subject_hash",), items)) == Begun():
                ledger.finish(tried, Outcome.NOT_FOUND)
        mail = Attempt(Action.FORGOTTEN_PASSWORD, agent("bob", "2001:db8::1"), subject_hash="a" * 64)
        mails = (*address_limits(items, Counts.MAILS), Limit(("subject_hash",), items, counts=Counts.MAILS))
        ledger.begin(mail, mails)
        ledger.finish(mail, PasswordMailOutcome.SENT)
        assert isinstance(ledger.begin(replace(mail, id="b" * 32), mails), RateLimited)
        begun = ledger.begin(
            replace(tried, actor=agent("supervisor", "192.0.2.1")), slow_past=Limit(("subject_hash",), items)
        )
        ledger.record(tried, Outcome.MALFORMED, Limit(("consumer_id",), items, counts=Counts.MALFORMED))
        ledger.record(tried, Outcome.MALFORMED, replace(day, counts=Counts.MALFORMED_BY_AN_AGENT))

    assert begun == Begun(is_slow=True)
    with database.read() as connection:
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", values).all() for one, values in statements]
    steps = {row.detail for plan in plans for row in plan if "ledger" in row.detail}
    assert {step.partition(" (")[0] for step in steps} == {
        f"SEARCH ledger USING INDEX ix_ledger_{name}"
        for name in (
            *("failed_consumer_id", "failed_address_hash", "failed_subject_hash", "failed_site_hash"),
            *("agent", "authenticated_at"),
            *("password_mail_subject_hash", "password_mail_address_hash", "password_mail_site_hash"),
        )
    }
