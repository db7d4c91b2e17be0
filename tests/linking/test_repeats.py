"""The same PIN again, not found or refused a moment ago: answered from the ledger, with no call and no attempt."""

from datetime import timedelta

import time_machine

from portal.domain.outcomes import Outcome
from portal.ledger.earlier_attempts import REPEAT_WITHIN
from portal.services import Services
from tests.fixtures import MakeServices
from tests.harness.ledger import REASON, actor, agent
from tests.harness.simulated_zype import SimulatedZype
from tests.linking.attempts import OTHER, VIEWER, begin_link, link, outcomes

NOON = "2026-05-04T12:00:00Z"


def test_a_pin_sent_again_is_one_attempt(services_on_any_database: Services, sandbox: SimulatedZype) -> None:
    services = services_on_any_database
    first = services.linking.link("used", VIEWER, actor(VIEWER))

    for spelling in ("used", "USED", " us-ed "):
        again = services.linking.link(spelling, VIEWER, actor(VIEWER))
        assert (again.outcome, again.attempt_id) == (Outcome.NOT_FOUND, first.attempt_id)

    assert outcomes(services) == ["not_found"]
    assert len(sandbox.record()) == 1


def test_it_costs_nothing_of_a_limit_and_is_answered_past_it(make_services: MakeServices) -> None:
    services = make_services(limit_viewer="2/15minutes")
    assert [link(services, "used") for _ in range(6)] == [Outcome.NOT_FOUND] * 6
    assert link(services, "used2") == Outcome.NOT_FOUND

    assert link(services, "used3") == Outcome.TOO_MANY
    assert link(services, "used2") == Outcome.NOT_FOUND


def test_after_a_moment_zype_is_asked_again(services: Services, sandbox: SimulatedZype) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        link(services, "used")
        clock.shift(REPEAT_WITHIN - timedelta(seconds=1))
        link(services, "used")
        assert len(sandbox.record()) == 1
        # Not a moment after the repetition, but after the attempt.
        clock.shift(timedelta(seconds=1))
        link(services, "used")

    assert len(sandbox.record()) == 2
    assert outcomes(services) == ["not_found", "not_found"]


def test_a_refused_pin_is_a_refusal_too_until_the_viewer_has_unlinked_a_tv(
    services_on_any_database: Services, sandbox: SimulatedZype
) -> None:
    services = services_on_any_database
    tv = sandbox.tv()
    assert link(services, tv.pin) == Outcome.LINKED
    assert [link(services, "refused") for _ in range(6)] == [Outcome.REFUSED] * 6
    assert outcomes(services) == ["linked", "refused"]

    # Zype may have refused it because there were too many.
    services.unlinking.unlink(tv.device_id, VIEWER, actor(VIEWER))
    asked = len(sandbox.record())
    assert link(services, "refused") == Outcome.REFUSED
    assert len(sandbox.record()) > asked
    assert outcomes(services)[-1] == "refused"


def test_it_is_answered_to_nobody_else(services: Services, sandbox: SimulatedZype) -> None:
    link(services, "used")
    link(services, "used", OTHER)
    for _ in range(2):
        # The ledger has to name the agent, and the agent's reason.
        assert services.linking.link("used", VIEWER, agent(), REASON).outcome == Outcome.NOT_FOUND

    assert len(sandbox.record()) == 3
    assert outcomes(services) == ["not_found"] * 3


def test_what_came_since_decides(services: Services, sandbox: SimulatedZype) -> None:
    with time_machine.travel(NOON, tick=True) as clock:
        link(services, "used")
        begin_link(services, "used")
        # That attempt has lost its process, so what became of the PIN is open.
        clock.shift(timedelta(seconds=30))
        link(services, "used")

    assert len(sandbox.record()) > 1


def test_other_outcomes_are_asked_for_again(services: Services, sandbox: SimulatedZype) -> None:
    asked = 0
    for word in ("http500", "http503"):
        link(services, word)
        link(services, word)
        assert len(sandbox.record()) > asked + 1, word
        asked = len(sandbox.record())
