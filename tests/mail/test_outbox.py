"""Which outcome lets the viewer know, and that a mail is one mailer's at a time, on either database."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import Database
from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.ledger.history import History
from portal.mail.outbox import CLAIM, Mail, MailState, NoticeKind, Outbox, outbox
from portal.sandbox import seed
from portal.settings.keys import Keyring, LedgerKey
from portal.viewers.records import ViewerRecords
from tests.mail.conftest import HERE, KEYS, Deeds

VIEWER, AGENT = ActorKind.VIEWER, ActorKind.AGENT


@pytest.fixture
def deeds(database: Database) -> Deeds:
    return Deeds(database)


def kinds(deeds: Deeds) -> list[str]:
    return [row["kind"] for row in deeds.mails()]


def test_an_agents_link_lets_the_viewer_know(deeds: Deeds) -> None:
    attempt_id = deeds.links()
    [row] = deeds.mails()
    assert (row["attempt_id"], row["kind"], row["state"]) == (attempt_id, NoticeKind.LINKED_BY_AGENT, MailState.WAITING)
    assert (row["consumer_id"], row["tv_name"], row["tries"]) == (seed.ALICE.id, None, 0)
    assert abs(row["due_at"] - row["at"]) < timedelta(seconds=1)


@pytest.mark.parametrize("action", [Action.UNLINK, Action.UNDO])
def test_an_agents_unlink_lets_the_viewer_know_and_a_viewers_own_does_not(deeds: Deeds, action: Action) -> None:
    deeds.links(VIEWER, UnlinkOutcome.UNLINKED, action=action)
    assert kinds(deeds) == []
    deeds.links(AGENT, UnlinkOutcome.UNLINKED, action=action)
    assert kinds(deeds) == [NoticeKind.UNLINKED_BY_AGENT]


def test_no_other_outcome_lets_anybody_know(deeds: Deeds) -> None:
    for kind in (AGENT, VIEWER):
        for outcome in Outcome:
            if outcome is not Outcome.LINKED:
                deeds.links(kind, outcome)
        for outcome in UnlinkOutcome:
            if outcome is not UnlinkOutcome.UNLINKED:
                deeds.links(kind, outcome, action=Action.UNLINK)
        deeds.links(kind, "found", action=Action.LOOK_UP)
        deeds.links(kind, "signed_in", action=Action.SIGN_IN)
    assert deeds.mails() == []


def test_the_same_answer_once_more_is_no_news(deeds: Deeds) -> None:
    deeds.links(AGENT, is_repeat=True)
    deeds.links(VIEWER, is_repeat=True)
    assert deeds.mails() == []


def test_nothing_is_queued_where_no_mail_is_sent(database: Database) -> None:
    silent = Deeds(database, queues_notices=False)
    silent.links()
    attempt = silent.begins()
    silent.ledger.resolve(attempt.id, Outcome.LINKED)
    assert silent.mails() == []


def test_the_mail_and_the_outcome_are_written_together_or_not_at_all(sqlite: Database) -> None:
    deeds = Deeds(sqlite)
    attempt = deeds.begins()
    with sqlite.write() as connection:
        outbox.drop(connection)
    deeds.ledger.finish(attempt, Outcome.LINKED)
    assert History(deeds.database).outcome(attempt.id) is None


def test_an_operator_who_resolves_an_attempt_lets_the_viewer_know_too(deeds: Deeds) -> None:
    link, unlink, lost = deeds.begins(), deeds.begins(action=Action.UNLINK), deeds.begins()
    deeds.ledger.resolve(link.id, Outcome.LINKED)
    deeds.ledger.resolve(unlink.id, UnlinkOutcome.UNLINKED)
    deeds.ledger.resolve(lost.id, Outcome.NOT_FOUND)
    assert {row["attempt_id"]: row["kind"] for row in deeds.mails()} == {
        link.id: NoticeKind.LINKED_BY_AGENT,
        unlink.id: NoticeKind.UNLINKED_BY_AGENT,
    }
    told, done = deeds.mails()[0]["at"], History(deeds.database).without_outcome(timedelta(days=-1))
    assert done == []
    assert told < deeds.mails()[0]["due_at"], "the mail tells when it was done, not when it was resolved"


def test_a_mail_keeps_the_name_that_an_unlinked_tv_loses(deeds: Deeds) -> None:
    records = ViewerRecords(deeds.database)
    records.name_tv(seed.ALICE.id, "tv-1", "Living room")
    records.name_tv(seed.MALLORY.id, "tv-2", "Mallory's")
    deeds.links(AGENT, UnlinkOutcome.UNLINKED, action=Action.UNLINK)
    deeds.links(AGENT, UnlinkOutcome.UNLINKED, action=Action.UNLINK, device="tv-2")
    deeds.links(AGENT, device=None)
    assert sorted(row["tv_name"] or "" for row in deeds.mails()) == ["", "", "Living room"]


class TestANewAddress:
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
    def test_is_one_from_which_the_viewer_has_linked_nothing(
        self, deeds: Deeds, known: str, address: str, is_new: bool
    ) -> None:
        deeds.links(VIEWER, address=known)
        assert kinds(deeds) == [NoticeKind.LINKED_FROM_NEW_ADDRESS], "the very first counts as new"
        deeds.links(VIEWER, address=address)
        assert len(kinds(deeds)) == 1 + is_new

    def test_is_known_for_good_once_something_was_linked_from_it(self, deeds: Deeds) -> None:
        for address in (HERE, "192.0.2.2", HERE, "192.0.2.2"):
            deeds.links(VIEWER, address=address)
        assert len(kinds(deeds)) == 2

    def test_stays_new_where_linking_failed(self, deeds: Deeds) -> None:
        deeds.links(VIEWER, Outcome.NOT_FOUND)
        deeds.links(VIEWER, "signed_in", action=Action.SIGN_IN)
        deeds.links(VIEWER, UnlinkOutcome.UNLINKED, action=Action.UNLINK)
        deeds.links(VIEWER)
        assert len(kinds(deeds)) == 1

    def test_stays_new_where_somebody_else_linked(self, deeds: Deeds) -> None:
        deeds.links(VIEWER, consumer_id=seed.MALLORY.id)
        deeds.links(AGENT)
        deeds.links(VIEWER)
        assert sorted(kinds(deeds)) == ["linked_by_agent", "linked_from_new_address", "linked_from_new_address"]

    def test_is_still_known_after_the_key_was_changed(self, database: Database) -> None:
        Deeds(database).links(VIEWER)
        new = LedgerKey(b"another key for the ledger of tests")
        rotated = Deeds(database, Keyring(new, (KEYS.current,)))
        rotated.links(VIEWER)
        assert len(kinds(rotated)) == 1
        forgotten = Deeds(database, Keyring(LedgerKey(b"a third key for the ledger of tests")))
        forgotten.links(VIEWER)
        assert len(kinds(forgotten)) == 2, "the key is what decides"

    def test_is_told_when_an_operator_resolves_the_attempt(self, deeds: Deeds) -> None:
        first = deeds.begins(VIEWER)
        deeds.ledger.resolve(first.id, Outcome.LINKED)
        second = deeds.begins(VIEWER)
        deeds.ledger.resolve(second.id, Outcome.LINKED)
        assert [row["attempt_id"] for row in deeds.mails()] == [first.id]


def claims_all(url: str) -> list[Mail]:
    """Claim as long as something is due, on connections of one's own as another process has them."""
    database = Database(url, connections=1)
    mails, box = [], Outbox(database)
    while mail := box.claim():
        mails.append(mail)
    database.dispose()
    return mails


def test_each_of_fifty_mails_is_claimed_once_by_eight_mailers_at_once(any_database_url: str, deeds: Deeds) -> None:
    ids = [deeds.links() for _ in range(50)]
    with ThreadPoolExecutor(8) as pool:
        claimed = [mail for mails in pool.map(claims_all, [any_database_url] * 8) for mail in mails]
    assert Counter(mail.attempt_id for mail in claimed) == Counter(ids)
    assert {mail.tries for mail in claimed} == {1}


def test_a_claimed_mail_is_due_again_when_its_mailer_has_crashed(sqlite: Database) -> None:
    deeds = Deeds(sqlite)
    attempt_id = deeds.links()
    box = Outbox(sqlite)
    assert box.claim()
    assert box.claim() is None
    with time_machine.travel(deeds.mails()[0]["at"] + CLAIM - timedelta(seconds=5), tick=False):
        assert box.claim() is None
    with time_machine.travel(deeds.mails()[0]["at"] + CLAIM + timedelta(seconds=5), tick=False):
        again = box.claim()
    assert again
    assert (again.attempt_id, again.tries) == (attempt_id, 2)


def test_a_mailer_that_lost_its_mail_to_another_does_not_mark_it_failed(deeds: Deeds) -> None:
    deeds.links()
    box = Outbox(deeds.database)
    slow = box.claim()
    deeds.makes_due()
    quick = box.claim()
    assert slow
    assert quick
    assert not box.mark_failed(slow)
    box.put_back(slow)
    assert box.claim() is None, "the other one's claim holds"
    assert box.mark_sent(quick)
    assert not box.mark_sent(slow), "it is marked once"
    assert not box.mark_failed(quick)
    assert deeds.states() == [MailState.SENT]


def test_pauses_grow_from_half_a_minute_to_an_hour(sqlite: Database) -> None:
    deeds = Deeds(sqlite)
    deeds.links()
    box = Outbox(sqlite)
    pauses = []
    with time_machine.travel(deeds.mails()[0]["at"], tick=False) as clock:
        for _ in range(10):
            clock.move_to(deeds.mails()[0]["due_at"])
            mail = box.claim()
            assert mail
            box.put_back(mail)
            pauses.append((deeds.mails()[0]["due_at"] - deeds.mails()[0]["at"]).total_seconds())
    steps = [round(later - sooner) for sooner, later in zip([0.0, *pauses], pauses, strict=False)]
    assert steps == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_mail_is_given_up_after_a_day_but_not_untried(sqlite: Database) -> None:
    deeds = Deeds(sqlite)
    deeds.links()
    box = Outbox(sqlite)
    mail = box.claim()
    assert mail
    old = [replace(mail, tries=tries) for tries in (1, 4, 5, 29)]
    with time_machine.travel(mail.at + timedelta(hours=23, minutes=59), tick=False):
        assert not any(box.is_given_up(mail) for mail in old)
    with time_machine.travel(mail.at + timedelta(hours=24), tick=False):
        assert [box.is_given_up(mail) for mail in old] == [False, False, True, True]


def test_looking_for_mail_does_not_wait_for_who_writes(sqlite: Database) -> None:
    with sqlite.write(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(Outbox(sqlite).claim).result(1) is None


def test_a_database_without_the_table_is_a_fault_that_the_mailer_can_tell(sqlite: Database) -> None:
    with sqlite.write() as connection:
        outbox.drop(connection)
    with pytest.raises(SQLAlchemyError):
        Outbox(sqlite).claim()
