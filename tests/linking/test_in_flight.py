"""One attempt in flight: a repeated request waits for the outcome of the first, and few requests wait."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest
import sqlalchemy as sa
import time_machine

from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.ledger.attempts import Attempt
from portal.ledger.tables import ledger
from portal.linking import in_flight
from portal.services import Services
from tests.fixtures import MakeServices
from tests.harness.faulty_zype import before_each_call
from tests.harness.ledger import REASON, actor, agent
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.timing import wait_until
from tests.linking.attempts import VIEWER, begin_link, link, outcomes

Result = TypeVar("Result")


class Clock:
    """Stands in for the time module of requests that wait: a sleep takes no time, and things happen during it.

    Args:
        during_sleep: called in each sleep.
    """

    def __init__(self, during_sleep: Callable[[], object] = lambda: None) -> None:
        self.slept = 0.0
        self._during_sleep = during_sleep

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self._during_sleep()


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Clock]:
    """Return a function that makes requests wait by a clock of the test's: ``set_clock(what_happens_meanwhile)``."""

    def set_clock(during_sleep: Callable[[], object] = lambda: None) -> Clock:
        clock = Clock(during_sleep)
        monkeypatch.setattr(in_flight, "time", clock)
        return clock

    return set_clock


def completed(futures: set[Future[Result]], number: int) -> list[Result]:
    """Return the first results, and leave the other futures in the set."""
    results: list[Result] = []
    while len(results) < number:
        done, _ = wait(futures, return_when=FIRST_COMPLETED)
        futures -= done
        results += [future.result() for future in done]
    return results


def test_of_five_clicks_one_is_sent_one_waits_and_the_others_are_unavailable(
    services_on_any_database: Services, sandbox: SimulatedZype
) -> None:
    services, gate, barrier = services_on_any_database, threading.Event(), threading.Barrier(5)

    def click() -> Outcome:
        barrier.wait()
        return link(services, "good")

    def wait_at_gate() -> None:
        gate.wait(5)

    with before_each_call(sandbox, wait_at_gate), ThreadPoolExecutor(5) as pool:
        futures = {pool.submit(click) for _ in range(5)}
        assert completed(futures, 3) == [Outcome.UNAVAILABLE] * 3
        gate.set()
        assert completed(futures, 2) == [Outcome.LINKED] * 2
    assert len(sandbox.record()) == 1
    assert outcomes(services) == ["linked"]


def test_two_clicks_on_unlink_at_the_same_moment_are_one_attempt(
    make_services: MakeServices, postgresql_url: str, sandbox: SimulatedZype, set_clock: Callable[..., Clock]
) -> None:
    services, tv, gate = make_services(database_url=postgresql_url), sandbox.tv(), threading.Event()
    assert link(services, tv.pin) == Outcome.LINKED

    def unlink() -> UnlinkOutcome:
        return services.unlinking.unlink(tv.device_id, VIEWER, actor(VIEWER))

    def open_gate() -> None:
        gate.set()
        time.sleep(0.05)

    set_clock(open_gate)

    def wait_at_gate() -> None:
        gate.wait(1)

    with before_each_call(sandbox, wait_at_gate), ThreadPoolExecutor(2) as pool:
        with services.database.write() as connection:
            # Both may look for an attempt in flight, but neither can write its own yet.
            connection.execute(sa.text("LOCK TABLE ledger IN SHARE MODE"))
            clicks = [pool.submit(unlink) for _ in range(2)]
            waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            wait_until(lambda: connection.execute(waiting).scalar_one() >= 2, "both wait for the table")
        assert [click.result() for click in clicks] == [UnlinkOutcome.UNLINKED] * 2
    assert outcomes(services) == ["linked", "unlinked"]


def test_four_requests_wait_and_the_others_are_unavailable(services: Services, sandbox: SimulatedZype) -> None:
    viewers = [f"{number:024x}" for number in range(6)]
    attempts = {viewer: begin_link(services, "inflight", viewer) for viewer in viewers}

    with ThreadPoolExecutor(len(attempts)) as pool:
        futures = {pool.submit(services.linking.link, "inflight", viewer, actor(viewer)) for viewer in viewers}
        unavailable = completed(futures, 2)
        for attempt in attempts.values():
            services.ledger.finish(attempt, Outcome.LINKED)
        linked = completed(futures, 4)
    assert [result.outcome for result in unavailable] == [Outcome.UNAVAILABLE] * 2
    assert [result.outcome for result in linked] == [Outcome.LINKED] * 4
    assert {result.attempt_id for result in unavailable + linked} == {attempt.id for attempt in attempts.values()}
    assert sandbox.record() == []


def test_one_viewer_waits_in_one_place(services: Services, sandbox: SimulatedZype) -> None:
    attempts = [begin_link(services, pin) for pin in ("inflight1", "inflight2", "inflight3")]

    with ThreadPoolExecutor(len(attempts)) as pool:
        futures = {pool.submit(link, services, f"inflight{number}") for number in (1, 2, 3)}
        assert completed(futures, 2) == [Outcome.UNAVAILABLE] * 2
        for attempt in attempts:
            services.ledger.finish(attempt, Outcome.LINKED)
        assert completed(futures, 1) == [Outcome.LINKED]
    assert sandbox.record() == []


def test_a_request_waits_as_long_as_a_call_to_zype_may_take_and_leaves_its_place_to_the_next(
    make_services: MakeServices, sandbox: SimulatedZype, set_clock: Callable[..., Clock]
) -> None:
    services = make_services(zype_read_timeout="1")
    attempt = begin_link(services, "inflight")

    for _ in range(2):
        clock = set_clock()
        result = services.linking.link("inflight", VIEWER, actor(VIEWER))
        assert (result.outcome, result.attempt_id) == (Outcome.UNKNOWN, attempt.id)
        assert clock.slept == pytest.approx(1.5, abs=0.2)
    assert sandbox.record() == []


def test_a_request_that_cannot_read_the_ledger_is_unknown_and_leaves_its_place_to_the_next(
    services: Services, set_clock: Callable[..., Clock]
) -> None:
    attempt = begin_link(services, "inflight")

    def rename_ledger() -> None:
        with services.database.write() as connection:
            connection.execute(sa.text("ALTER TABLE ledger RENAME TO not_ledger"))

    set_clock(rename_ledger)
    result = services.linking.link("inflight", VIEWER, actor(VIEWER))
    assert (result.outcome, result.attempt_id) == (Outcome.UNKNOWN, attempt.id)
    with services.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE not_ledger RENAME TO ledger"))

    set_clock(lambda: services.ledger.finish(attempt, Outcome.LINKED))
    assert link(services, "inflight") == Outcome.LINKED


def test_an_attempt_is_joined_until_its_call_must_have_ended(
    services: Services, sandbox: SimulatedZype, set_clock: Callable[..., Clock]
) -> None:
    set_clock()
    with time_machine.travel("2026-05-04T12:00:00Z", tick=False) as clock:
        begin_link(services, "good")
        clock.shift(timedelta(seconds=services.settings.zype_deadline + 0.9))
        assert link(services, "good") == Outcome.UNKNOWN
        assert sandbox.record() == []

        clock.shift(timedelta(seconds=0.1))
        assert link(services, "good") == Outcome.LINKED
    assert len(sandbox.record()) == 1


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.MISCONFIGURED, Outcome.NOT_FOUND])
def test_a_joined_outcome_says_when_to_try_again_if_that_may_help(
    services: Services, set_clock: Callable[..., Clock], outcome: Outcome
) -> None:
    own = begin_link(services, "inflight")
    set_clock(lambda: services.ledger.finish(own, outcome))
    result = services.linking.link("inflight", VIEWER, actor(VIEWER))

    assert (result.outcome, result.attempt_id) == (outcome, own.id)
    assert result.retry_after == (None if outcome is Outcome.NOT_FOUND else 10)


def test_an_agent_who_joins_the_viewer_s_own_link_is_recorded(
    services: Services, sandbox: SimulatedZype, set_clock: Callable[..., Clock]
) -> None:
    own = begin_link(services, "inflight")
    set_clock(lambda: services.ledger.finish(replace(own, linked_device_id="tv-1"), Outcome.LINKED))
    result = services.linking.link("inflight", VIEWER, agent(), REASON)

    assert sandbox.record() == []
    assert (result.outcome, result.linked_device_id) == (Outcome.LINKED, "tv-1")
    entry = services.history.outcome(result.attempt_id)
    assert entry is not None
    assert (entry.actor_id, entry.outcome, entry.linked_device_id) == ("bob", Outcome.LINKED, "tv-1")
    assert entry.pin_fingerprint == own.pin_fingerprint


def test_an_agent_who_joins_the_viewer_s_own_unlinking_is_recorded(
    services_on_any_database: Services, sandbox: SimulatedZype, set_clock: Callable[..., Clock]
) -> None:
    services = services_on_any_database
    own = Attempt(Action.UNLINK, actor(VIEWER), VIEWER, "tv-1")
    services.ledger.begin(own)
    set_clock(lambda: services.ledger.finish(own, UnlinkOutcome.UNLINKED))
    assert services.unlinking.unlink("tv-1", VIEWER, agent(), reason=REASON) == UnlinkOutcome.UNLINKED

    assert sandbox.record() == []
    ended = sa.select(ledger.c.actor_id, ledger.c.outcome).where(ledger.c.outcome.is_not(None)).order_by(ledger.c.id)
    with services.database.read() as connection:
        assert connection.execute(ended).all() == [(VIEWER, "unlinked"), ("bob", "unlinked")]
