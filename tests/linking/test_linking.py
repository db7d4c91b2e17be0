"""Linking over a real sandbox: each outcome, one truth for double clicks and lost answers, and Undo."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind, Reason
from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.domain.pins import Pin
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.ledger.tables import ledger as table
from portal.sandbox import seed
from tests.harness.ledger import actor, ledger_on
from tests.harness.simulated_zype import TV, SimulatedZype
from tests.linking.conftest import Rules

VIEWER = f"{7:024x}"
OTHER = f"{8:024x}"
BOB = Actor(ActorKind.AGENT, "bob", "10.0.0.9", "0" * 32)
REASON = Reason("The viewer cannot open the page")


def link(rules: Rules, pin: str, consumer_id: str = VIEWER) -> Outcome:
    return rules.linking.link(pin, consumer_id, actor(consumer_id)).outcome


def owner(rules: Rules, tv: TV) -> str | None:
    return rules.zype.pin_status(tv.device_id).consumer_id


def outcomes(database: Database) -> list[str]:
    query = sa.select(table.c.outcome).where(table.c.outcome.is_not(None)).order_by(table.c.id)
    with database.read() as connection:
        return list(connection.execute(query).scalars())


@pytest.mark.parametrize("magic", seed.MAGIC_PINS, ids=lambda magic: magic.word)
def test_each_answer_of_zype_is_one_outcome(
    rules: Rules, database: Database, sandbox: SimulatedZype, magic: seed.MagicPin
) -> None:
    result = rules.linking.link(magic.word, VIEWER, actor(VIEWER))

    assert result.outcome == magic.outcome
    assert outcomes(database) == [magic.outcome]
    assert (result.retry_after is not None) == (magic.outcome in ("unavailable", "misconfigured"))
    assert len(sandbox.record()) == 1


def test_a_real_tv_is_linked_for_whom_it_was_asked(rules: Rules, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()

    result = rules.linking.link(tv.pin.upper(), VIEWER, actor(VIEWER))

    assert (result.outcome, result.linked_device_id) == (Outcome.LINKED, tv.device_id)
    assert owner(rules, tv) == VIEWER


def test_a_malformed_pin_is_not_sent(rules: Rules, database: Database, sandbox: SimulatedZype) -> None:
    assert link(rules, "zizm529; DROP TABLE ledger") == Outcome.MALFORMED
    assert outcomes(database) == ["malformed"]
    assert sandbox.record() == []


def test_a_refresh_after_success_is_the_same_success(rules: Rules, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    first = rules.linking.link(tv.pin, VIEWER, actor(VIEWER))
    second = rules.linking.link(tv.pin, VIEWER, actor(VIEWER))

    assert (second.outcome, second.attempt_id) == (Outcome.LINKED, first.attempt_id)


def test_another_viewer_s_success_is_not_mine(rules: Rules, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    link(rules, tv.pin)

    assert link(rules, tv.pin, OTHER) == Outcome.NOT_FOUND
    assert owner(rules, tv) == VIEWER


def test_after_undo_the_success_is_over(rules: Rules, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    linked = rules.linking.link(tv.pin, VIEWER, actor(VIEWER))

    assert rules.unlinking.undo(linked.attempt_id, VIEWER, actor(VIEWER)) == UnlinkOutcome.UNLINKED
    assert owner(rules, tv) is None
    # The sandbox lets an unlinked PIN be linked again, so the one that follows is a link of its own.
    again = rules.linking.link(tv.pin, VIEWER, actor(VIEWER))
    assert again.attempt_id != linked.attempt_id


def test_a_success_stays_one_for_ten_minutes_and_no_longer(sqlite_url: str, sandbox: SimulatedZype) -> None:
    # On SQLite alone, which takes this process's clock.
    database = Database(sqlite_url)
    rules = Rules(sandbox, ledger_on(database), database)
    tv = sandbox.tv()
    with time_machine.travel("2026-05-04T12:00:00Z", tick=True) as clock:
        assert link(rules, tv.pin) == Outcome.LINKED
        clock.shift(timedelta(minutes=6))
        assert link(rules, tv.pin) == Outcome.LINKED
        # Asking in between does not keep it fresh.
        clock.shift(timedelta(minutes=6))
        assert link(rules, tv.pin) == Outcome.NOT_FOUND
    rules.zype.close()
    database.dispose()


def test_a_lost_answer_is_found_out_by_asking_zype(
    rules: Rules, ledger: Ledger, database: Database, sandbox: SimulatedZype
) -> None:
    tv = sandbox.tv()
    fingerprint = ledger.keyring.fingerprint(Pin(tv.pin))
    earlier = Attempt(Action.LINK, actor(VIEWER), VIEWER, pin_fingerprint=fingerprint)
    ledger.begin(earlier)
    ledger.finish(earlier, Outcome.UNKNOWN)
    rules.zype.link(Pin(tv.pin), VIEWER)

    result = rules.linking.link(tv.pin, VIEWER, actor(VIEWER))

    assert (result.outcome, result.linked_device_id) == (Outcome.LINKED, tv.device_id)
    assert outcomes(database) == ["unknown", "linked"]


def test_an_unknown_that_nobody_can_tell_stays_unknown(rules: Rules, ledger: Ledger) -> None:
    pin = Pin("expired77")
    earlier = Attempt(Action.LINK, actor(VIEWER), VIEWER, pin_fingerprint=ledger.keyring.fingerprint(pin))
    ledger.begin(earlier)
    ledger.finish(earlier, Outcome.UNKNOWN)

    assert link(rules, pin.secret) == Outcome.UNKNOWN


def test_an_unavailable_in_between_hides_no_success(rules: Rules, ledger: Ledger, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    link(rules, tv.pin)
    fingerprint = ledger.keyring.fingerprint(Pin(tv.pin))
    for outcome in (Outcome.UNAVAILABLE, Outcome.TOO_MANY, Outcome.MISCONFIGURED):
        ledger.record(Attempt(Action.LINK, actor(VIEWER), VIEWER, pin_fingerprint=fingerprint), outcome)

    assert link(rules, tv.pin) == Outcome.LINKED


def test_a_second_click_waits_for_the_first(rules: Rules, database: Database, sandbox: SimulatedZype) -> None:
    gate = threading.Barrier(2)

    def click(_: int) -> Outcome:
        gate.wait()
        return link(rules, "slow")

    with ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(click, range(2)))

    assert seen == [Outcome.LINKED, Outcome.LINKED]
    assert len(sandbox.record()) == 1
    assert outcomes(database) == ["linked"]


def test_an_agent_who_joins_the_viewer_s_own_click_is_on_record(
    rules: Rules, ledger: Ledger, sandbox: SimulatedZype
) -> None:
    with ThreadPoolExecutor() as pool:
        own = pool.submit(link, rules, "slow")
        while not rules.history.without_outcome(timedelta(0)):
            assert not own.done()
        helped = rules.linking.link("slow", VIEWER, BOB, REASON)
        assert own.result() == helped.outcome == Outcome.LINKED
    assert len(sandbox.record()) == 1
    row = rules.history.outcome(helped.attempt_id)
    assert row is not None
    assert (row.actor_id, row.outcome, row.linked_device_id) == ("bob", Outcome.LINKED, helped.linked_device_id)


def test_an_agent_who_joins_the_viewer_s_own_unlinking_is_on_record(
    rules: Rules, ledger: Ledger, database: Database, sandbox: SimulatedZype
) -> None:
    own = Attempt(Action.UNLINK, actor(VIEWER), VIEWER, "tv-in-the-kitchen")
    ledger.begin(own)
    thread = threading.Timer(0.3, ledger.finish, [own, UnlinkOutcome.UNLINKED])
    thread.start()
    assert rules.unlinking.unlink("tv-in-the-kitchen", VIEWER, BOB, reason=REASON) == UnlinkOutcome.UNLINKED
    thread.join()
    assert sandbox.record() == []
    with database.read() as connection:
        ended = sa.select(table.c.actor_id, table.c.outcome).where(table.c.outcome.is_not(None)).order_by(table.c.id)
        assert connection.execute(ended).all() == [(VIEWER, "unlinked"), ("bob", "unlinked")]


def test_one_click_waits_and_the_rest_are_told_to_come_back(rules: Rules, sandbox: SimulatedZype) -> None:
    gate = threading.Barrier(5)

    def click(_: int) -> Outcome:
        gate.wait()
        return link(rules, "slow")

    with ThreadPoolExecutor(5) as pool:
        seen = list(pool.map(click, range(5)))

    assert sorted(seen) == [Outcome.LINKED] * 2 + [Outcome.UNAVAILABLE] * 3
    assert len(sandbox.record()) == 1


def test_undo_unlinks_once_however_often_it_is_clicked(rules: Rules, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    linked = rules.linking.link(tv.pin, VIEWER, actor(VIEWER))

    with ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(lambda _: rules.unlinking.undo(linked.attempt_id, VIEWER, actor(VIEWER)), range(2)))

    assert UnlinkOutcome.UNLINKED in seen
    assert set(seen) <= {UnlinkOutcome.UNLINKED, UnlinkOutcome.GONE}
    assert [call["path"] for call in sandbox.record()].count("/pin/unlink") == 1


def test_nobody_undoes_another_viewer_s_link(rules: Rules, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    linked = rules.linking.link(tv.pin, VIEWER, actor(VIEWER))

    assert rules.unlinking.undo(linked.attempt_id, OTHER, actor(OTHER)) == UnlinkOutcome.GONE
    assert rules.unlinking.unlink(tv.device_id, OTHER, actor(OTHER)) == UnlinkOutcome.GONE
    assert owner(rules, tv) == VIEWER


def test_undo_that_zype_refuses_leaves_the_tv_linked(rules: Rules) -> None:
    linked = rules.linking.link("sticky", VIEWER, actor(VIEWER))

    assert rules.unlinking.undo(linked.attempt_id, VIEWER, actor(VIEWER)) == UnlinkOutcome.UNAVAILABLE
    tv = rules.unlinking.linked_tv(linked.attempt_id, VIEWER)
    assert tv is not None
    assert not tv.is_undone
    assert tv.undo_seconds == pytest.approx(600, abs=5)


def test_without_a_device_id_there_is_no_undo(rules: Rules) -> None:
    linked = rules.linking.link("nameless", VIEWER, actor(VIEWER))

    tv = rules.unlinking.linked_tv(linked.attempt_id, VIEWER)
    assert tv is not None
    assert tv.undo_seconds is None
    assert rules.unlinking.undo(linked.attempt_id, VIEWER, actor(VIEWER)) == UnlinkOutcome.GONE


def test_what_can_t_be_written_is_not_sent(rules: Rules, database: Database, sandbox: SimulatedZype) -> None:
    with database.write() as connection:
        connection.execute(sa.text("ALTER TABLE pending RENAME TO not_pending"))

    with pytest.raises(LedgerUnavailable):
        link(rules, "good")
    assert sandbox.record() == []
    assert outcomes(database) == []


def test_an_outcome_that_can_t_be_written_is_told_all_the_same(
    rules: Rules, database: Database, ledger: Ledger, sandbox: SimulatedZype
) -> None:
    thread = threading.Timer(0.3, _break_the_ledger, [database])
    thread.start()

    assert link(rules, "slow") == Outcome.LINKED

    thread.join()
    assert len(sandbox.record()) == 1
    assert outcomes(database) == []
    assert len(rules.history.without_outcome(timedelta(0))) == 1


def _break_the_ledger(database: Database) -> None:
    refuse = "CREATE TRIGGER disk_is_full BEFORE INSERT ON ledger "
    with database.write() as connection:
        if database.is_sqlite:
            connection.execute(sa.text(refuse + "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"))
            return
        connection.execute(
            sa.text(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device'; END $$"
            )
        )
        connection.execute(sa.text(refuse + "FOR EACH STATEMENT EXECUTE FUNCTION full_disk()"))


def test_an_outage_in_between_hides_no_unknown(rules: Rules, ledger: Ledger, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    fingerprint = ledger.keyring.fingerprint(Pin(tv.pin))
    lost = Attempt(Action.LINK, actor(VIEWER), VIEWER, pin_fingerprint=fingerprint)
    ledger.begin(lost)
    ledger.finish(lost, Outcome.UNKNOWN)
    rules.zype.link(Pin(tv.pin), VIEWER)
    for _ in range(15):
        retry = Attempt(Action.LINK, actor(VIEWER), VIEWER, pin_fingerprint=fingerprint)
        ledger.begin(retry)
        ledger.finish(retry, Outcome.UNAVAILABLE)

    assert link(rules, tv.pin) == Outcome.LINKED


def test_a_success_without_its_row_is_told_without_undo(rules: Rules) -> None:
    tv = rules.unlinking.linked_tv("an attempt whose outcome could not be written", VIEWER)

    assert tv is not None
    assert (tv.is_undone, tv.undo_seconds) == (False, None)
