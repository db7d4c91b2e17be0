"""Linking over a real sandbox: each outcome, and reconciliation of repeated requests and lost answers."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import Outcome
from portal.domain.pins import Pin
from portal.mail.outbox import outbox
from portal.sandbox import faults, seed
from portal.services import Services
from tests.fixtures import MakeServices
from tests.harness.cases import each
from tests.harness.faulty_zype import before_each_call
from tests.harness.ledger import REASON, actor, agent
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.timing import wait_until
from tests.linking.attempts import OTHER, VIEWER, begin_link, finish_link, link, outcomes

# The sandbox never sends a whole answer to these, so the test lasts as long as the read time-out.
UNANSWERED = ("hang", "trickle")


@each("number, magic", enumerate(seed.MAGIC_PINS, start=1))
def test_each_answer_of_zype_has_one_outcome(
    make_services: MakeServices,
    sandbox: SimulatedZype,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    magic: seed.MagicPin,
) -> None:
    monkeypatch.setattr(faults, "SLOW_SECONDS", 0.1)
    # New ones for each: what failed before would open the breaker.
    services = make_services(zype_read_timeout="0.1" if magic.word in UNANSWERED else "5", limit_viewer="99/minute")

    result = services.linking.link(magic.word, VIEWER, actor(VIEWER))

    assert result.outcome == magic.outcome
    assert outcomes(services) == [magic.outcome for magic in seed.MAGIC_PINS[:number]]
    assert (result.retry_after is not None) == (magic.outcome in ("unavailable", "misconfigured"))
    entry = services.history.outcome(result.attempt_id)
    assert entry is not None
    assert (entry.outcome, entry.linked_device_id) == (magic.outcome, result.linked_device_id)
    assert len(sandbox.record()) == number


def test_a_tv_is_linked_to_the_account(services_on_any_database: Services, sandbox: SimulatedZype) -> None:
    services, tv = services_on_any_database, sandbox.tv()

    result = services.linking.link(tv.pin.upper(), VIEWER, actor(VIEWER))

    assert (result.outcome, result.linked_device_id) == (Outcome.LINKED, tv.device_id)
    assert tv.owner() == VIEWER


def test_a_malformed_pin_is_not_sent(services: Services, sandbox: SimulatedZype) -> None:
    assert link(services, "zizm529; DROP TABLE ledger") == Outcome.MALFORMED
    assert outcomes(services) == ["malformed"]
    assert sandbox.record() == []


@pytest.mark.parametrize(
    ("pin", "outcome"), [("?", Outcome.MALFORMED), ("good", Outcome.TOO_MANY), ("another", Outcome.REFUSED)]
)
def test_a_refusal_names_its_own_attempt(make_services: MakeServices, pin: str, outcome: Outcome) -> None:
    services = make_services(limit_viewer="1/minute" if outcome is Outcome.TOO_MANY else "9/minute")
    link(services, "used")

    result = services.linking.link(pin, VIEWER, actor(VIEWER))

    newest = services.history.activity(VIEWER, 1).attempts[0]
    assert (newest.attempt_id, newest.outcome, newest.consumer_id) == (result.attempt_id, outcome, VIEWER)
    assert result.outcome == outcome


@pytest.mark.parametrize("pin", ["good", "?"])
def test_an_agent_s_attempt_names_the_viewer_and_the_reason(services: Services, pin: str) -> None:
    services.linking.link(pin, VIEWER, agent(), REASON)

    (attempt,) = services.history.activity(VIEWER, 10).attempts
    assert (attempt.actor_id, attempt.reason, attempt.ticket) == ("bob", REASON.text, REASON.ticket)


def test_repeating_a_link_returns_the_same_success(services_on_any_database: Services, sandbox: SimulatedZype) -> None:
    services, tv = services_on_any_database, sandbox.tv()
    first = services.linking.link(tv.pin, VIEWER, actor(VIEWER))
    second = services.linking.link(tv.pin, VIEWER, actor(VIEWER))

    assert (second.outcome, second.attempt_id) == (Outcome.LINKED, first.attempt_id)
    assert second.linked_device_id == first.linked_device_id == tv.device_id


def test_a_repeated_success_sends_no_second_notice(make_services: MakeServices, sandbox: SimulatedZype) -> None:
    services = make_services(smtp_url="smtp://127.0.0.1:1", mail_from="portal@example.com")
    tv = sandbox.tv()

    for _ in range(2):
        assert services.linking.link(tv.pin, VIEWER, agent(), REASON).outcome == Outcome.LINKED
        with services.database.read() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(outbox)).scalar() == 1

    assert outcomes(services) == ["linked", "linked"]


def test_a_pin_that_another_viewer_used_is_not_found(services: Services, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    link(services, tv.pin)

    assert link(services, tv.pin, OTHER) == Outcome.NOT_FOUND
    assert tv.owner() == VIEWER


def test_a_success_is_repeated_for_ten_minutes_and_no_longer(services: Services, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    with time_machine.travel("2026-05-04T12:00:00Z", tick=True) as clock:
        assert link(services, tv.pin) == Outcome.LINKED
        clock.shift(timedelta(minutes=6))
        assert link(services, tv.pin) == Outcome.LINKED
        # A repetition does not make it last longer.
        clock.shift(timedelta(minutes=6))
        assert link(services, tv.pin) == Outcome.NOT_FOUND


def test_a_lost_answer_is_reconciled_with_zype(services_on_any_database: Services, sandbox: SimulatedZype) -> None:
    services, tv = services_on_any_database, sandbox.tv()
    finish_link(services, tv.pin, Outcome.UNKNOWN)
    services.zype.link(Pin(tv.pin), VIEWER)

    result = services.linking.link(tv.pin, VIEWER, actor(VIEWER))

    assert (result.outcome, result.linked_device_id) == (Outcome.LINKED, tv.device_id)
    assert outcomes(services) == ["unknown", "linked"]


def test_an_attempt_that_lost_its_process_is_reconciled_with_zype(services: Services, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    with time_machine.travel("2026-05-04T12:00:00Z", tick=True) as clock:
        begin_link(services, tv.pin)
        services.zype.link(Pin(tv.pin), VIEWER)
        clock.shift(timedelta(minutes=1))

        assert link(services, tv.pin) == Outcome.LINKED


def test_an_unknown_that_zype_does_not_decide_stays_unknown(services: Services) -> None:
    finish_link(services, "expired77", Outcome.UNKNOWN)

    assert link(services, "expired77") == Outcome.UNKNOWN


def test_attempts_that_changed_nothing_hide_no_earlier_success(services: Services, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    link(services, tv.pin)
    for outcome in (Outcome.UNAVAILABLE, Outcome.TOO_MANY, Outcome.MISCONFIGURED):
        finish_link(services, tv.pin, outcome)

    assert link(services, tv.pin) == Outcome.LINKED


def test_an_outage_hides_no_earlier_unknown(services_on_any_database: Services, sandbox: SimulatedZype) -> None:
    services, tv = services_on_any_database, sandbox.tv()
    finish_link(services, tv.pin, Outcome.UNKNOWN)
    services.zype.link(Pin(tv.pin), VIEWER)
    for _ in range(15):
        finish_link(services, tv.pin, Outcome.UNAVAILABLE)

    assert link(services, tv.pin) == Outcome.LINKED


def test_an_attempt_that_can_not_be_written_is_not_sent(services: Services, sandbox: SimulatedZype) -> None:
    with services.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE pending RENAME TO not_pending"))

    with pytest.raises(LedgerUnavailable):
        link(services, "good")
    assert sandbox.record() == []
    assert outcomes(services) == []


def test_an_outcome_that_can_not_be_written_is_returned(services: Services, sandbox: SimulatedZype) -> None:
    with before_each_call(sandbox, lambda: _refuse_inserts(services)):
        assert link(services, "good") == Outcome.LINKED

    assert len(sandbox.record()) == 1
    assert outcomes(services) == []
    assert len(services.history.without_outcome(timedelta(0))) == 1


def _refuse_inserts(services: Services) -> None:
    refuse = "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    with services.database.write() as connection:
        connection.execute(sa.text(f"CREATE TRIGGER disk_is_full BEFORE INSERT ON ledger {refuse}"))


def test_what_zype_took_is_without_the_wait_for_a_place(make_services: MakeServices, sandbox: SimulatedZype) -> None:
    services, tv = make_services(zype_concurrency="1"), sandbox.tv()
    is_taken = threading.Event()

    def keep_the_only_place() -> float:
        with services.zype.operation("link", "PUT", "/pin/link", for_link=True):
            is_taken.set()
            wait_until(lambda: services.zype._bulkhead._waiting, "the link waits")
            time.sleep(0.3)
            return time.monotonic()

    with ThreadPoolExecutor(1) as pool:
        freed = pool.submit(keep_the_only_place)
        assert is_taken.wait(10)
        assert link(services, tv.pin) == Outcome.LINKED
        seconds = time.monotonic() - freed.result()
    (attempt,) = services.history.activity(VIEWER, 1).attempts
    assert attempt.zype_milliseconds is not None
    assert attempt.zype_milliseconds <= seconds * 1000 + 1
