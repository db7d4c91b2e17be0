"""Unlinking and Undo over a real sandbox: once, by the owner alone, and only what the ledger knows."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import request

from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.ledger.attempts import Attempt
from portal.services import Services
from tests.fixtures import MakeServices
from tests.harness.faulty_zype import answering, before_each_call
from tests.harness.ledger import REASON, actor, agent
from tests.harness.simulated_zype import SimulatedZype
from tests.linking.attempts import OTHER, VIEWER, outcomes


def test_a_link_after_undo_is_a_new_one(services_on_any_database: Services, sandbox: SimulatedZype) -> None:
    services, tv = services_on_any_database, sandbox.tv()
    linked = services.linking.link(tv.pin, VIEWER, actor(VIEWER))

    assert services.unlinking.undo(linked.attempt_id, VIEWER, actor(VIEWER)) == UnlinkOutcome.UNLINKED
    assert tv.owner() is None
    # The sandbox lets an unlinked PIN be linked again.
    again = services.linking.link(tv.pin, VIEWER, actor(VIEWER))
    assert again.attempt_id != linked.attempt_id


def test_undo_unlinks_once_however_often_it_is_clicked(services: Services, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    linked = services.linking.link(tv.pin, VIEWER, actor(VIEWER))

    def undo(_: int) -> UnlinkOutcome:
        return services.unlinking.undo(linked.attempt_id, VIEWER, actor(VIEWER))

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(undo, range(2)))

    assert UnlinkOutcome.UNLINKED in results
    assert set(results) <= {UnlinkOutcome.UNLINKED, UnlinkOutcome.GONE}
    assert [call["path"] for call in sandbox.record()].count("/pin/unlink") == 1


def test_undo_ends_after_ten_minutes(services: Services, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    with time_machine.travel("2026-05-04T12:00:00Z", tick=True) as clock:
        linked = services.linking.link(tv.pin, VIEWER, actor(VIEWER))
        clock.shift(timedelta(minutes=10))
        assert services.unlinking.undo(linked.attempt_id, VIEWER, actor(VIEWER)) == UnlinkOutcome.GONE
        link = services.unlinking.recent_link(linked.attempt_id, VIEWER)
    assert link is not None
    assert link.undo_seconds is None
    assert tv.owner() == VIEWER


def test_another_viewer_s_tv_is_not_unlinked(services: Services, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    linked = services.linking.link(tv.pin, VIEWER, actor(VIEWER))

    assert services.unlinking.recent_link(linked.attempt_id, OTHER) is None
    assert services.unlinking.undo(linked.attempt_id, OTHER, actor(OTHER)) == UnlinkOutcome.GONE
    assert services.unlinking.unlink(tv.device_id, OTHER, actor(OTHER)) == UnlinkOutcome.GONE
    assert tv.owner() == VIEWER


def test_an_undo_that_zype_refuses_leaves_the_tv_linked(services: Services) -> None:
    linked = services.linking.link("sticky", VIEWER, actor(VIEWER))

    assert services.unlinking.undo(linked.attempt_id, VIEWER, actor(VIEWER)) == UnlinkOutcome.UNAVAILABLE
    link = services.unlinking.recent_link(linked.attempt_id, VIEWER)
    assert link is not None
    assert not link.is_undone
    assert link.undo_seconds == pytest.approx(600, abs=5)


def test_without_a_device_id_there_is_no_undo(services: Services) -> None:
    linked = services.linking.link("nameless", VIEWER, actor(VIEWER))

    link = services.unlinking.recent_link(linked.attempt_id, VIEWER)
    assert link is not None
    assert link.undo_seconds is None
    assert services.unlinking.undo(linked.attempt_id, VIEWER, actor(VIEWER)) == UnlinkOutcome.GONE


def test_without_a_row_of_the_outcome_there_is_no_undo(services: Services) -> None:
    link = services.unlinking.recent_link("an attempt whose outcome could not be written", VIEWER)

    assert link is not None
    assert (link.is_undone, link.undo_seconds) == (False, None)


@pytest.mark.parametrize(
    ("action", "outcome"),
    [(Action.LINK, Outcome.NOT_FOUND), (Action.UNLINK, UnlinkOutcome.UNLINKED), (Action.UNLINK, Outcome.LINKED)],
)
def test_only_a_link_that_was_made_can_be_undone(
    services: Services, sandbox: SimulatedZype, action: Action, outcome: str
) -> None:
    tv = sandbox.tv()
    services.linking.link(tv.pin, VIEWER, actor(VIEWER))
    attempt = Attempt(action, actor(VIEWER), VIEWER, tv.device_id)
    services.ledger.record(attempt, outcome)

    assert services.unlinking.recent_link(attempt.id, VIEWER) is None
    assert services.unlinking.undo(attempt.id, VIEWER, actor(VIEWER)) == UnlinkOutcome.GONE
    assert tv.owner() == VIEWER


def test_an_agent_s_unlinking_is_in_the_ledger(services: Services, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    services.linking.link(tv.pin, VIEWER, actor(VIEWER))

    services.unlinking.unlink(tv.device_id, VIEWER, agent(), reason=REASON)

    attempt = services.history.activity(VIEWER, 1).attempts[0]
    assert (attempt.action, attempt.outcome, attempt.consumer_id) == (Action.UNLINK, UnlinkOutcome.UNLINKED, VIEWER)
    assert (attempt.reason, attempt.ticket) == (REASON.text, REASON.ticket)


@pytest.mark.parametrize(
    ("pin", "outcome"),
    [
        ({"linked": True, "consumer_id": VIEWER}, UnlinkOutcome.UNKNOWN),
        ({"linked": True, "consumer_id": OTHER}, UnlinkOutcome.UNLINKED),
        ({"linked": False, "consumer_id": VIEWER}, UnlinkOutcome.UNLINKED),
    ],
)
def test_a_tv_that_is_still_linked_to_the_viewer_is_not_reported_as_unlinked(
    services: Services, sandbox: SimulatedZype, pin: object, outcome: UnlinkOutcome
) -> None:
    tv = sandbox.tv()
    services.linking.link(tv.pin, VIEWER, actor(VIEWER))

    with answering(sandbox, "/pin/unlink", 200, {"response": pin}):
        assert services.unlinking.unlink(tv.device_id, VIEWER, actor(VIEWER)) == outcome
    assert outcomes(services) == ["linked", outcome]


@pytest.mark.parametrize(
    ("path", "status", "outcome"),
    [
        ("/pin/status", 404, UnlinkOutcome.GONE),
        ("/pin/status", 401, UnlinkOutcome.MISCONFIGURED),
        ("/pin/status", 500, UnlinkOutcome.UNAVAILABLE),
        ("/pin/unlink", 404, UnlinkOutcome.GONE),
        ("/pin/unlink", 401, UnlinkOutcome.MISCONFIGURED),
        ("/pin/unlink", 500, UnlinkOutcome.UNKNOWN),
    ],
)
def test_each_failed_call_has_one_outcome(
    services: Services, sandbox: SimulatedZype, path: str, status: int, outcome: UnlinkOutcome
) -> None:
    tv = sandbox.tv()
    services.linking.link(tv.pin, VIEWER, actor(VIEWER))

    with answering(sandbox, path, status):
        assert services.unlinking.unlink(tv.device_id, VIEWER, actor(VIEWER)) == outcome
    assert outcomes(services) == ["linked", outcome]


def test_the_ledger_says_how_long_zype_took(services: Services, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    with before_each_call(sandbox, lambda: time.sleep(0.02)):
        services.linking.link(tv.pin, VIEWER, actor(VIEWER))
        services.unlinking.unlink(tv.device_id, VIEWER, actor(VIEWER))

    unlinking, linking = services.history.activity(VIEWER, 2).attempts
    assert (linking.zype_milliseconds or 0) >= 20
    assert (unlinking.zype_milliseconds or 0) >= 40, "it takes two calls"


def test_both_calls_share_one_deadline(make_services: MakeServices, sandbox: SimulatedZype) -> None:
    services, tv = make_services(zype_read_timeout="0.7"), sandbox.tv()
    services.linking.link(tv.pin, VIEWER, actor(VIEWER))

    # Each call takes less than the time-out of 0.7 seconds, but of the deadline of 1.2 reading the PIN leaves less.
    slow = {"/pin/status": 0.58, "/pin/unlink": 0.65}
    with before_each_call(sandbox, lambda: time.sleep(slow[request.path])):
        assert services.unlinking.unlink(tv.device_id, VIEWER, actor(VIEWER)) == UnlinkOutcome.UNKNOWN
