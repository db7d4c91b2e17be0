"""The queries that pair an attempt with its outcome, on either database."""

from dataclasses import replace
from datetime import date, timedelta

from portal.database.database import Database
from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, LookUpOutcome, Outcome, SignInOutcome, UnlinkOutcome
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import Attempt
from portal.ledger.history import CHUNK_SIZE, PAGE_SIZE, History
from portal.ledger.ledger import Ledger
from tests.harness.ledger import REASON, actor, agent
from tests.ledger.conftest import on_any_database
from tests.ledger.rows import insert_attempt, insert_rows


@on_any_database
def test_an_attempt_is_paired_with_its_outcome(ledger: Ledger, history: History) -> None:
    attempt = Attempt(Action.LINK, agent(), "alice", pin_fingerprint="1" * 64, reason=REASON)
    ledger.begin(attempt)
    [in_flight] = history.page(AttemptFilter()).attempts
    assert (in_flight.attempt_id, in_flight.outcome, in_flight.ended_at) == (attempt.id, None, None)

    ledger.finish(replace(attempt, linked_device_id="tv-1"), Outcome.LINKED, milliseconds=7)
    [ended] = history.page(AttemptFilter()).attempts
    assert (ended.id, ended.outcome, ended.linked_device_id, ended.zype_milliseconds) == (
        in_flight.id,
        Outcome.LINKED,
        "tv-1",
        7,
    )
    assert (ended.actor_kind, ended.actor_id) == (ActorKind.AGENT, "bob")
    assert (ended.reason, ended.ticket) == (REASON.text, REASON.ticket)
    assert ended.ended_at is not None
    assert ended.at <= ended.ended_at


@on_any_database
def test_a_filter_matches_either_row_of_an_attempt(ledger: Ledger, history: History) -> None:
    look_up = Attempt(Action.LOOK_UP, agent())
    ledger.begin(look_up)
    ledger.finish(replace(look_up, consumer_id="alice"), LookUpOutcome.FOUND)
    link = Attempt(Action.LINK, actor("mallory"), "mallory")
    ledger.begin(link)
    today = history.page(AttemptFilter()).now.date()

    def matching(filters: AttemptFilter) -> list[str]:
        return [attempt.attempt_id for attempt in history.page(filters).attempts]

    assert matching(AttemptFilter()) == [link.id, look_up.id]
    assert matching(AttemptFilter(viewer="alice")) == [look_up.id]
    assert matching(AttemptFilter(agent="bob")) == [look_up.id]
    assert matching(AttemptFilter(agent="mallory")) == [], "a viewer is no agent"
    assert matching(AttemptFilter(outcome="found")) == [look_up.id]
    assert matching(AttemptFilter(outcome="none")) == [link.id]
    assert matching(AttemptFilter(since=today - timedelta(days=1), until=today)) == [link.id, look_up.id]
    assert matching(AttemptFilter(since=today + timedelta(days=1), until=date.max)) == []
    assert matching(AttemptFilter(until=today - timedelta(days=1))) == []


@on_any_database
def test_pages_and_chunks_hold_every_attempt_once(ledger: Ledger, history: History) -> None:
    attempts = [Attempt(Action.LINK, actor(), "alice") for _ in range(PAGE_SIZE + 1)]
    for attempt in attempts:
        ledger.record(attempt, Outcome.MALFORMED)
    ids = [attempt.id for attempt in attempts]

    newest = history.page(AttemptFilter())
    ledger.record(Attempt(Action.LINK, actor(), "alice"), Outcome.MALFORMED)
    last = history.page(AttemptFilter(), newest.before)
    assert [one.attempt_id for one in (*newest.attempts, *last.attempts)] == ids[::-1]
    assert last.before is None
    assert [one.attempt_id for one in history.all(AttemptFilter())][:-1] == ids


def test_all_attempts_are_read_to_the_last_chunk(ledger: Ledger, history: History, database: Database) -> None:
    insert_rows(database, ledger, 2 * CHUNK_SIZE + 1)

    assert len({attempt.id for attempt in history.all(AttemptFilter())}) == CHUNK_SIZE + 1


@on_any_database
def test_activity_is_ordered_by_the_last_row(ledger: Ledger, history: History) -> None:
    first, second = Attempt(Action.LINK, actor("alice"), "alice"), Attempt(Action.UNLINK, agent(), "alice", "tv-1")
    sign_in = Attempt(Action.SIGN_IN, actor(""), subject_hash="1" * 64)
    ledger.begin(sign_in)
    ledger.begin(first)
    ledger.begin(second)
    ledger.finish(replace(sign_in, consumer_id="alice"), SignInOutcome.SIGNED_IN)
    ledger.finish(first, Outcome.NOT_FOUND)
    ledger.record(Attempt(Action.LOOK_UP, agent(), "alice"), LookUpOutcome.FOUND)
    ledger.record(Attempt(Action.LINK, actor("mallory"), "mallory"), Outcome.MALFORMED)

    activity = history.activity("alice", 10)
    assert [one.attempt_id for one in activity.attempts] == [first.id, sign_in.id, second.id]
    assert activity.attempts[2].at > activity.crashed_before
    assert [one.attempt_id for one in history.activity("alice", 1).attempts] == [first.id]


def test_a_link_is_undone_once_its_own_tv_is_unlinked_from_its_own_account(ledger: Ledger, history: History) -> None:
    def unlink(consumer_id: str = "alice", device_id: str = "tv-1", outcome: str = UnlinkOutcome.UNLINKED) -> None:
        ledger.record(Attempt(Action.UNLINK, agent(), consumer_id, device_id), outcome)

    unlink()
    attempt = Attempt(Action.LINK, actor("alice"), "alice", "tv-1")
    ledger.record(attempt, Outcome.LINKED)
    link = history.outcome(attempt.id)
    assert link is not None
    assert not history.is_undone(link), "it was unlinked before"

    unlink(consumer_id="mallory")
    assert not history.is_undone(link), "another account"
    unlink(device_id="tv-2")
    assert not history.is_undone(link), "another TV"
    for outcome in set(UnlinkOutcome) - {UnlinkOutcome.UNLINKED}:
        unlink(outcome=outcome)
        assert not history.is_undone(link), outcome

    unlink()
    assert history.is_undone(link)


def test_every_attempt_without_an_outcome_is_returned_oldest_first(ledger: Ledger, history: History) -> None:
    attempts = [Attempt(Action.LINK, actor(), "alice") for _ in range(3)]
    for attempt in attempts:
        ledger.begin(attempt)

    assert [one.attempt_id for one in history.without_outcome(timedelta(0))] == [one.id for one in attempts]


def test_a_look_up_counts_for_its_agent_and_viewer_if_it_found_them_a_while_ago(
    ledger: Ledger, history: History, database: Database
) -> None:
    def look_up(outcome: str, age: timedelta, agent_id: str = "bob", action: Action = Action.LOOK_UP) -> None:
        insert_attempt(database, ledger, Attempt(action, agent(agent_id), "alice"), outcome, age)

    def has_looked_up(consumer_id: str = "alice", agent_id: str = "bob") -> bool:
        return history.has_looked_up(agent(agent_id), consumer_id, timedelta(minutes=15))

    look_up(LookUpOutcome.FOUND, timedelta(minutes=16))
    look_up(LookUpOutcome.NOT_FOUND, timedelta(minutes=1))
    look_up(LookUpOutcome.FOUND, timedelta(minutes=1), agent_id="supervisor")
    look_up(LookUpOutcome.FOUND, timedelta(minutes=1), action=Action.LINK)
    ledger.record(Attempt(Action.LOOK_UP, actor("bob"), "alice"), LookUpOutcome.FOUND)
    assert not has_looked_up()
    look_up(LookUpOutcome.FOUND, timedelta(minutes=14))
    assert has_looked_up()
    assert not has_looked_up("mallory")


def test_what_decides_about_a_pin_are_the_rows_of_its_fingerprints_and_consumer(
    ledger: Ledger, history: History
) -> None:
    def record(fingerprint: str, outcome: str, consumer_id: str = "alice", action: Action = Action.LINK) -> Attempt:
        attempt = Attempt(action, actor(consumer_id), consumer_id, pin_fingerprint=fingerprint * 64)
        ledger.record(attempt, outcome)
        return attempt

    linked = record("1", Outcome.LINKED)
    unlinked = record("2", UnlinkOutcome.UNLINKED, action=Action.UNLINK)
    record("3", Outcome.LINKED)
    record("1", Outcome.LINKED, consumer_id="mallory")
    record("1", Outcome.TOO_MANY)
    own = record("1", Outcome.LINKED)
    found = history.decisive_entries("alice", ["1" * 64, "2" * 64], exclude=own.id)
    assert [entry.attempt_id for entry in found] == [unlinked.id, linked.id]


def test_a_tv_s_link_is_its_newest_unless_it_was_unlinked_since(ledger: Ledger, history: History) -> None:
    def record(device_id: str, outcome: str, consumer_id: str = "alice") -> Attempt:
        attempt = Attempt(Action.LINK, actor(consumer_id), consumer_id, device_id)
        ledger.record(attempt, outcome)
        return attempt

    record("tv-1", Outcome.LINKED)
    newest = record("tv-1", Outcome.LINKED)
    record("tv-1", Outcome.NOT_FOUND)
    record("tv-2", Outcome.LINKED)
    record("tv-2", UnlinkOutcome.UNLINKED)
    record("tv-3", Outcome.LINKED, consumer_id="mallory")
    record("tv-4", Outcome.LINKED)
    found = history.links("alice", ["tv-1", "tv-2", "tv-3"])
    assert {device_id: entry.attempt_id for device_id, entry in found.items()} == {"tv-1": newest.id}


def test_a_filter_says_what_it_matches() -> None:
    assert str(AttemptFilter()) == "everything"
    filters = AttemptFilter(agent="bob", outcome="none", since=date(2026, 1, 31))
    assert str(filters) == "agent=bob outcome=none since=2026-01-31"
