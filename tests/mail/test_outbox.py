"""Which outcome queues a notice, and that one mailer at a time has a notice, on either database."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.ledger.attempts import Attempt
from portal.ledger.history import History
from portal.mail.outbox import CLAIM_DURATION, Notice, NoticeKind, NoticeState, Outbox, outbox
from portal.sandbox import seed
from portal.settings.keys import Keyring, LedgerKey
from portal.viewers.preferences import ViewerPreferences
from tests.mail.conftest import ADDRESS, KEYS, Attempts

VIEWER, AGENT = ActorKind.VIEWER, ActorKind.AGENT


@pytest.fixture
def attempts(database: Database) -> Attempts:
    return Attempts(database)


def kinds(attempts: Attempts) -> list[str]:
    return [row["kind"] for row in attempts.notices()]


def test_an_agents_link_queues_a_notice(attempts: Attempts) -> None:
    attempt_id = attempts.finish()
    [row] = attempts.notices()
    assert (row["attempt_id"], row["kind"], row["state"]) == (
        attempt_id,
        NoticeKind.LINKED_BY_AGENT,
        NoticeState.WAITING,
    )
    assert (row["consumer_id"], row["tv_name"], row["tries"]) == (seed.ALICE.id, None, 0)
    with attempts.database.read() as connection:
        assert row["at"] <= row["due_at"] <= attempts.database.now(connection), "it is due at once"


@pytest.mark.parametrize("action", [Action.UNLINK, Action.UNDO])
def test_an_agents_unlink_queues_a_notice_and_a_viewers_own_does_not(attempts: Attempts, action: Action) -> None:
    attempts.finish(VIEWER, UnlinkOutcome.UNLINKED, action=action)
    assert kinds(attempts) == []
    attempts.finish(AGENT, UnlinkOutcome.UNLINKED, action=action)
    assert kinds(attempts) == [NoticeKind.UNLINKED_BY_AGENT]


def test_an_agent_s_sign_out_of_a_viewer_queues_a_notice_and_no_other_does(attempts: Attempts) -> None:
    with attempts.database.write() as connection:
        for kind, consumer_id in ((VIEWER, seed.ALICE.id), (ActorKind.OPERATOR, seed.ALICE.id), (AGENT, None)):
            actor = Actor(kind, "somebody", ADDRESS, "request-1")
            attempt = Attempt(Action.SIGN_OUT_EVERYWHERE, actor, consumer_id=consumer_id)
            attempts.ledger.record_change(connection, attempt, concerns_viewer=True)
        assert kinds(attempts) == []
        attempt = Attempt(Action.SIGN_OUT_EVERYWHERE, Actor(AGENT, "bob", ADDRESS, "request-1"), seed.ALICE.id)
        attempts.ledger.record_change(connection, attempt, concerns_viewer=True)
    assert kinds(attempts) == [NoticeKind.SIGNED_OUT_BY_AGENT]


def test_no_other_outcome_queues_a_notice(attempts: Attempts) -> None:
    for kind in (AGENT, VIEWER):
        for outcome in Outcome:
            if outcome is not Outcome.LINKED and (kind is VIEWER or outcome is not Outcome.UNKNOWN):
                attempts.finish(kind, outcome)
        for outcome in UnlinkOutcome:
            if outcome is not UnlinkOutcome.UNLINKED and (kind is VIEWER or outcome is not UnlinkOutcome.UNKNOWN):
                attempts.finish(kind, outcome, action=Action.UNLINK)
        attempts.finish(kind, "found", action=Action.LOOK_UP)
        attempts.finish(kind, "signed_in", action=Action.SIGN_IN)
    assert attempts.notices() == []


def test_a_repeated_outcome_queues_no_notice(attempts: Attempts) -> None:
    attempts.finish(AGENT, is_repeat=True)
    attempts.finish(VIEWER, is_repeat=True)
    assert attempts.notices() == []


def test_nothing_is_queued_if_no_mail_is_sent(database: Database) -> None:
    silent = Attempts(database, queues_notices=False)
    silent.finish()
    attempt = silent.begin()
    silent.ledger.resolve(attempt.id, Outcome.LINKED)
    assert silent.notices() == []


def test_the_notice_and_the_outcome_are_written_together_or_not_at_all(sqlite: Database) -> None:
    attempts = Attempts(sqlite)
    attempt = attempts.begin()
    with sqlite.write() as connection:
        outbox.drop(connection)
    attempts.ledger.finish(attempt, Outcome.LINKED)
    assert History(attempts.database).outcome(attempt.id) is None


def test_resolving_an_attempt_queues_a_notice_too(attempts: Attempts) -> None:
    link, unlink, lost = attempts.begin(), attempts.begin(action=Action.UNLINK), attempts.begin()
    attempts.ledger.resolve(link.id, Outcome.LINKED)
    attempts.ledger.resolve(unlink.id, UnlinkOutcome.UNLINKED)
    attempts.ledger.resolve(lost.id, Outcome.NOT_FOUND)
    assert {row["attempt_id"]: row["kind"] for row in attempts.notices()} == {
        link.id: NoticeKind.LINKED_BY_AGENT,
        unlink.id: NoticeKind.UNLINKED_BY_AGENT,
    }
    assert History(attempts.database).without_outcome(timedelta(days=-1)) == []
    notice = attempts.notices()[0]
    assert notice["at"] < notice["due_at"], "the notice has the time of the attempt, not of its resolution"


def test_a_notice_keeps_the_name_that_an_unlinked_tv_loses(attempts: Attempts) -> None:
    preferences = ViewerPreferences(attempts.database)
    preferences.name_tv(seed.ALICE.id, "tv-1", "Living room")
    preferences.name_tv(seed.MALLORY.id, "tv-2", "Mallory's")
    attempts.finish(AGENT, UnlinkOutcome.UNLINKED, action=Action.UNLINK)
    attempts.finish(AGENT, UnlinkOutcome.UNLINKED, action=Action.UNLINK, device="tv-2")
    attempts.finish(AGENT, device=None)
    assert sorted(row["tv_name"] or "" for row in attempts.notices()) == ["", "", "Living room"]


class TestNewAddress:
    @pytest.mark.parametrize(
        ("known", "address", "is_new"),
        [
            ("192.0.2.1", "192.0.2.1", False),
            ("192.0.2.1", "::ffff:192.0.2.1", False),
            ("192.0.2.1", "192.0.2.2", True),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", False),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", True),
        ],
    )
    def test_an_address_is_new_if_the_viewer_has_linked_nothing_from_it(
        self, attempts: Attempts, known: str, address: str, is_new: bool
    ) -> None:
        attempts.finish(VIEWER, address=known)
        assert kinds(attempts) == [NoticeKind.LINKED_FROM_NEW_ADDRESS], "the very first counts as new"
        attempts.finish(VIEWER, address=address)
        assert len(kinds(attempts)) == 1 + is_new

    def test_an_address_stays_known_after_a_link_from_it(self, attempts: Attempts) -> None:
        for address in (ADDRESS, "192.0.2.2", ADDRESS, "192.0.2.2"):
            attempts.finish(VIEWER, address=address)
        assert len(kinds(attempts)) == 2

    def test_an_address_stays_new_if_linking_failed(self, attempts: Attempts) -> None:
        attempts.finish(VIEWER, Outcome.NOT_FOUND)
        attempts.finish(VIEWER, "signed_in", action=Action.SIGN_IN)
        attempts.finish(VIEWER, UnlinkOutcome.UNLINKED, action=Action.UNLINK)
        attempts.finish(VIEWER)
        assert len(kinds(attempts)) == 1

    def test_an_address_stays_new_if_another_actor_linked(self, attempts: Attempts) -> None:
        attempts.finish(VIEWER, consumer_id=seed.MALLORY.id)
        attempts.finish(AGENT)
        attempts.finish(VIEWER)
        assert sorted(kinds(attempts)) == ["linked_by_agent", "linked_from_new_address", "linked_from_new_address"]

    def test_an_address_is_still_known_after_a_change_of_the_key(self, database: Database) -> None:
        Attempts(database).finish(VIEWER)
        new = LedgerKey(b"another key for the ledger of tests")
        rotated = Attempts(database, Keyring(new, (KEYS.current,)))
        rotated.finish(VIEWER)
        assert len(kinds(rotated)) == 1
        forgotten = Attempts(database, Keyring(LedgerKey(b"a third key for the ledger of tests")))
        forgotten.finish(VIEWER)
        assert len(kinds(forgotten)) == 2, "the key is what decides"

    def test_resolving_an_attempt_makes_its_address_known(self, attempts: Attempts) -> None:
        first = attempts.begin(VIEWER)
        attempts.ledger.resolve(first.id, Outcome.LINKED)
        second = attempts.begin(VIEWER)
        attempts.ledger.resolve(second.id, Outcome.LINKED)
        assert [row["attempt_id"] for row in attempts.notices()] == [first.id]


def claim_all(url: str) -> list[Notice]:
    """Claim until nothing is due, on a connection of its own as another process has."""
    database = Database(url, connections=1)
    notices, box = [], Outbox(database)
    while notice := box.claim():
        notices.append(notice)
    database.dispose()
    return notices


def test_each_notice_is_claimed_once_by_eight_mailers_at_once(any_database_url: str, attempts: Attempts) -> None:
    ids = [attempts.finish() for _ in range(30)]
    with ThreadPoolExecutor(8) as pool:
        claimed = [notice for notices in pool.map(claim_all, [any_database_url] * 8) for notice in notices]
    assert Counter(notice.attempt_id for notice in claimed) == Counter(ids)
    assert {notice.tries for notice in claimed} == {1}


def test_a_claimed_notice_is_due_again_after_its_mailer_crashed(sqlite: Database) -> None:
    attempts = Attempts(sqlite)
    attempt_id = attempts.finish()
    box = Outbox(sqlite)
    assert box.claim()
    assert box.claim() is None
    with time_machine.travel(attempts.notices()[0]["at"] + CLAIM_DURATION - timedelta(seconds=5), tick=False):
        assert box.claim() is None
    with time_machine.travel(attempts.notices()[0]["at"] + CLAIM_DURATION + timedelta(seconds=5), tick=False):
        again = box.claim()
    assert again
    assert (again.attempt_id, again.tries) == (attempt_id, 2)


def test_a_mailer_that_lost_its_claim_does_not_mark_the_notice_failed(attempts: Attempts) -> None:
    attempts.finish()
    box = Outbox(attempts.database)
    slow = box.claim()
    attempts.make_due()
    quick = box.claim()
    assert slow
    assert quick
    assert not box.mark_failed(slow)
    box.retry_later(slow)
    assert box.claim() is None, "the other mailer's claim holds"
    assert box.mark_sent(quick)
    assert not box.mark_sent(slow), "it is marked once"
    assert not box.mark_failed(quick)
    assert attempts.states() == [NoticeState.SENT]


def test_delays_grow_from_half_a_minute_to_an_hour(sqlite: Database) -> None:
    attempts = Attempts(sqlite)
    attempts.finish()
    box = Outbox(sqlite)
    delays = []
    with time_machine.travel(attempts.notices()[0]["at"], tick=False) as clock:
        for _ in range(10):
            clock.move_to(attempts.notices()[0]["due_at"])
            notice = box.claim()
            assert notice
            box.retry_later(notice)
            delays.append((attempts.notices()[0]["due_at"] - attempts.notices()[0]["at"]).total_seconds())
    steps = [round(later - sooner) for sooner, later in zip([0.0, *delays], delays, strict=False)]
    assert steps == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_notice_expires_after_a_day_but_not_before_a_few_tries(sqlite: Database) -> None:
    attempts = Attempts(sqlite)
    attempts.finish()
    box = Outbox(sqlite)
    notice = box.claim()
    assert notice
    with_tries = [replace(notice, tries=tries) for tries in (1, 4, 5, 29)]
    with time_machine.travel(notice.at + timedelta(hours=23, minutes=59), tick=False):
        assert all(box.retry_later(notice) for notice in with_tries)
    with time_machine.travel(notice.at + timedelta(hours=24), tick=False):
        assert [box.retry_later(notice) for notice in with_tries] == [True, True, False, False]


def test_looking_for_a_due_notice_does_not_wait_for_a_writer(sqlite: Database) -> None:
    with sqlite.write(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(Outbox(sqlite).claim).result(1) is None


def test_a_missing_table_is_a_database_error(sqlite: Database) -> None:
    with sqlite.write() as connection:
        outbox.drop(connection)
    with pytest.raises(SQLAlchemyError):
        Outbox(sqlite).claim()


def test_what_waits_for_nothing_is_deleted_90_days_after_its_last_try(attempts: Attempts) -> None:
    box = Outbox(attempts.database)
    for _ in range(4):
        attempts.finish()
    sent, failed, settled, _ = [row["attempt_id"] for row in attempts.notices()]
    claimed = {notice.attempt_id: notice for notice in (box.claim() for _ in range(4)) if notice}
    box.mark_sent(claimed[sent])
    box.mark_failed(claimed[failed])
    box.mark_settled(claimed[settled])
    shift(attempts.database, timedelta(days=90) - timedelta(minutes=10))
    assert box.delete_old() == 0
    shift(attempts.database, timedelta(minutes=20))
    assert box.delete_old() == 3
    assert attempts.states() == [NoticeState.WAITING]


def shift(database: Database, by: timedelta) -> None:
    """Make every notice so much older."""
    with database.write() as connection:
        for row in connection.execute(outbox.select()).mappings().all():
            older = {name: row[name] - by for name in ("at", "due_at")}
            connection.execute(outbox.update().where(outbox.c.attempt_id == row["attempt_id"]).values(older))
