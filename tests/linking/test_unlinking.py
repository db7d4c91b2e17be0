"""Unlinking and Undo over a real sandbox: once, by the owner alone, and only what the ledger knows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine

from portal.domain.outcomes import UnlinkOutcome
from portal.services import Services
from tests.harness.ledger import actor
from tests.harness.simulated_zype import SimulatedZype
from tests.linking.attempts import OTHER, VIEWER


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
