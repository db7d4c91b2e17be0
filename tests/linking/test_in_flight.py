"""One attempt in flight: a repeated request waits for the outcome of the first, and few requests wait."""

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.ledger.attempts import Attempt
from portal.ledger.tables import ledger
from portal.services import Services
from tests.harness.ledger import REASON, actor, agent
from tests.harness.simulated_zype import SimulatedZype
from tests.linking.attempts import VIEWER, begin_link, link, outcomes
from tests.linking.conftest import MakeServices


def click_at_once(services: Services, clicks: int) -> list[Outcome]:
    """Link by one PIN so many times at the same moment."""
    barrier = threading.Barrier(clicks)

    def click(_: int) -> Outcome:
        barrier.wait()
        return link(services, "slow")

    with ThreadPoolExecutor(clicks) as pool:
        return sorted(pool.map(click, range(clicks)))


def completed(futures: set[Future[Outcome]], number: int) -> list[Outcome]:
    """Return the first results, and leave the other futures in the set."""
    results: list[Outcome] = []
    while len(results) < number:
        done, _ = wait(futures, return_when=FIRST_COMPLETED)
        futures -= done
        results += [future.result() for future in done]
    return results


def test_a_second_click_waits_for_the_first(services_on_any_database: Services, sandbox: SimulatedZype) -> None:
    assert click_at_once(services_on_any_database, 2) == [Outcome.LINKED, Outcome.LINKED]
    assert len(sandbox.record()) == 1
    assert outcomes(services_on_any_database) == ["linked"]


def test_one_click_waits_and_the_others_are_unavailable(services: Services, sandbox: SimulatedZype) -> None:
    assert click_at_once(services, 5) == [Outcome.LINKED] * 2 + [Outcome.UNAVAILABLE] * 3
    assert len(sandbox.record()) == 1


def test_four_requests_wait_and_the_others_are_unavailable(services: Services, sandbox: SimulatedZype) -> None:
    attempts = {pin: begin_link(services, pin) for pin in (f"inflight{number}" for number in range(6))}

    with ThreadPoolExecutor(len(attempts)) as pool:
        futures = {pool.submit(link, services, pin) for pin in attempts}
        assert completed(futures, 2) == [Outcome.UNAVAILABLE] * 2
        for attempt in attempts.values():
            services.ledger.finish(attempt, Outcome.LINKED)
        assert completed(futures, 4) == [Outcome.LINKED] * 4
    assert sandbox.record() == []


def test_a_request_waits_no_longer_than_a_call_to_zype_may_take(
    make_services: MakeServices, sandbox: SimulatedZype
) -> None:
    services = make_services(zype_read_timeout="0.1")
    begin_link(services, "inflight")

    assert link(services, "inflight") == Outcome.UNKNOWN
    assert sandbox.record() == []


def test_a_request_that_waited_leaves_its_place_to_the_next(make_services: MakeServices) -> None:
    services = make_services(zype_read_timeout="0.1")
    attempt = begin_link(services, "inflight")

    for _ in range(2):
        result = services.linking.link("inflight", VIEWER, actor(VIEWER))
        assert (result.outcome, result.attempt_id) == (Outcome.UNKNOWN, attempt.id)


def test_an_attempt_is_joined_until_its_call_must_have_ended(
    make_services: MakeServices, sandbox: SimulatedZype
) -> None:
    services = make_services(zype_read_timeout="1.5")
    with time_machine.travel("2026-05-04T12:00:00Z", tick=True) as clock:
        begin_link(services, "good")
        clock.shift(timedelta(seconds=1.8))

        assert link(services, "good") == Outcome.UNKNOWN
    assert sandbox.record() == []


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.MISCONFIGURED, Outcome.NOT_FOUND])
def test_a_joined_outcome_says_when_to_try_again_if_that_may_help(services: Services, outcome: Outcome) -> None:
    own = begin_link(services, "inflight")
    thread = threading.Timer(0.1, services.ledger.finish, [own, outcome])
    thread.start()
    result = services.linking.link("inflight", VIEWER, actor(VIEWER))
    thread.join()

    assert (result.outcome, result.attempt_id) == (outcome, own.id)
    assert result.retry_after == (None if outcome is Outcome.NOT_FOUND else 10)


def test_an_agent_who_joins_the_viewer_s_own_link_is_recorded(services: Services, sandbox: SimulatedZype) -> None:
    own = begin_link(services, "inflight")
    thread = threading.Timer(0.1, services.ledger.finish, [replace(own, linked_device_id="tv-1"), Outcome.LINKED])
    thread.start()
    result = services.linking.link("inflight", VIEWER, agent(), REASON)
    thread.join()

    assert sandbox.record() == []
    assert (result.outcome, result.linked_device_id) == (Outcome.LINKED, "tv-1")
    entry = services.history.outcome(result.attempt_id)
    assert entry is not None
    assert (entry.actor_id, entry.outcome, entry.linked_device_id) == ("bob", Outcome.LINKED, "tv-1")
    assert entry.pin_fingerprint == own.pin_fingerprint


def test_an_agent_who_joins_the_viewer_s_own_unlinking_is_recorded(
    services_on_any_database: Services, sandbox: SimulatedZype
) -> None:
    services = services_on_any_database
    own = Attempt(Action.UNLINK, actor(VIEWER), VIEWER, "tv-1")
    services.ledger.begin(own)
    thread = threading.Timer(0.1, services.ledger.finish, [own, UnlinkOutcome.UNLINKED])
    thread.start()
    assert services.unlinking.unlink("tv-1", VIEWER, agent(), reason=REASON) == UnlinkOutcome.UNLINKED
    thread.join()

    assert sandbox.record() == []
    ended = sa.select(ledger.c.actor_id, ledger.c.outcome).where(ledger.c.outcome.is_not(None)).order_by(ledger.c.id)
    with services.database.read() as connection:
        assert connection.execute(ended).all() == [(VIEWER, "unlinked"), ("bob", "unlinked")]
