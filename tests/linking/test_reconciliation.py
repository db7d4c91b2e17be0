"""Reconciliation: which earlier attempts and which of the viewer's TVs decide what a used PIN means."""

import time

import pytest
import sqlalchemy as sa
import time_machine
from flask import request
from structlog.testing import capture_logs

from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.domain.pins import Pin
from portal.ledger.attempts import Attempt
from portal.ledger.earlier_attempts import REPEAT_WITHIN
from portal.services import Services
from portal.settings.settings import SANDBOX_APP_KEY
from tests.fixtures import MakeServices
from tests.harness.faulty_zype import answering, before_each_call
from tests.harness.ledger import actor
from tests.harness.simulated_zype import SimulatedZype
from tests.linking.attempts import OTHER, VIEWER, finish_link, link


@pytest.mark.parametrize("outcome", [Outcome.NOT_FOUND, Outcome.REFUSED])
def test_an_earlier_failure_settles_a_pin(services: Services, outcome: Outcome) -> None:
    with time_machine.travel("2026-05-04T12:00:00Z", tick=False) as clock:
        finish_link(services, "used", outcome)
        clock.shift(REPEAT_WITHIN)
        assert link(services, "used") == Outcome.NOT_FOUND


def test_an_unlinking_settles_a_pin_that_was_linked_before(services: Services) -> None:
    finish_link(services, "used", Outcome.LINKED)
    fingerprint = services.ledger.keyring.fingerprint(Pin("used"))
    unlinking = Attempt(Action.UNLINK, actor(VIEWER), VIEWER, "tv-1", fingerprint)
    services.ledger.record(unlinking, UnlinkOutcome.UNLINKED)

    assert link(services, "used") == Outcome.NOT_FOUND


def test_a_tv_with_another_pin_does_not_decide(services: Services, sandbox: SimulatedZype) -> None:
    assert link(services, sandbox.tv().pin) == Outcome.LINKED
    finish_link(services, "used", Outcome.UNKNOWN)

    assert link(services, "used") == Outcome.UNKNOWN


def test_a_tv_of_another_viewer_does_not_decide(services: Services, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    assert link(services, tv.pin, OTHER) == Outcome.LINKED
    finish_link(services, tv.pin, Outcome.UNKNOWN)

    # Zype's list of the viewer's TVs may be out of date.
    with answering(sandbox, "/consumers/", 200, {"response": {"_id": VIEWER, "linked_devices": [tv.device_id]}}):
        assert link(services, tv.pin) == Outcome.UNKNOWN


def test_without_an_admin_key_the_tvs_that_the_ledger_knows_are_asked_for(
    make_services: MakeServices, sandbox: SimulatedZype
) -> None:
    services, tv = make_services(zype_app_key=SANDBOX_APP_KEY), sandbox.tv()
    assert link(services, tv.pin) == Outcome.LINKED
    tv.acquire()
    services.zype.link(Pin(tv.pin), VIEWER)
    # Asked for first, since it was linked last; Zype knows no PIN of it any more.
    services.ledger.record(Attempt(Action.LINK, actor(VIEWER), VIEWER, "sold-tv"), Outcome.LINKED)
    finish_link(services, tv.pin, Outcome.UNKNOWN)

    assert link(services, tv.pin) == Outcome.LINKED


def test_without_the_ledger_the_outcome_is_unknown(services: Services, sandbox: SimulatedZype) -> None:
    def rename_ledger() -> None:
        with services.database.write() as connection:
            connection.execute(sa.text("ALTER TABLE ledger RENAME TO not_ledger"))

    with before_each_call(sandbox, rename_ledger):
        assert link(services, "used") == Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("slow", "unanswered"),
    [
        ({"/pin/link": 0.58, f"/consumers/{VIEWER}": 0.65}, "/consumers/"),
        ({f"/consumers/{VIEWER}": 0.58, "/pin/status": 0.65}, "/pin/status"),
    ],
)
def test_all_calls_share_one_deadline(
    make_services: MakeServices, sandbox: SimulatedZype, slow: dict[str, float], unanswered: str
) -> None:
    services, tv = make_services(zype_read_timeout="0.7"), sandbox.tv()
    services.zype.link(Pin(tv.pin), VIEWER)
    finish_link(services, tv.pin, Outcome.UNKNOWN)

    # Each slow call takes less than the time-out of 0.7 seconds, but of the deadline of 1.2 the first leaves less.
    with before_each_call(sandbox, lambda: time.sleep(slow.get(request.path, 0))), capture_logs() as logs:
        assert link(services, tv.pin) == Outcome.UNKNOWN
    (error,) = [line["error"] for line in logs if line["event"] == "zype_could_not_be_asked"]
    assert error.startswith(f"GET {unanswered}")
    assert "timed out after sending" in error
