"""Undo: the TV that was just linked is unlinked again, by whoever linked it, and the page does not promise more."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from portal.domain.outcomes import UnlinkOutcome
from portal.ledger.tables import ledger
from tests.harness.faulty_zype import answering
from tests.harness.internals import outcomes, rows
from tests.harness.page import PageClient
from tests.harness.people import Alice, Mallory
from tests.harness.simulated_zype import SimulatedZype

UNLINKED = "Unlinked. To watch on it again, link it with a new PIN."
# Apart from that, since it is for few.
ELSEWHERE = "If somebody else has that TV, it may stay signed in for a while: change your password and tell support."
# What the page says of each outcome but the one that is a success, and its status.
SHOWN = {
    UnlinkOutcome.GONE: (422, "We can't undo this here any more"),
    UnlinkOutcome.UNAVAILABLE: (503, "We can't undo this right now"),
    UnlinkOutcome.MISCONFIGURED: (503, "We can't undo this right now"),
    UnlinkOutcome.UNKNOWN: (503, "We did not hear back"),
}
ANSWERS = {
    UnlinkOutcome.GONE: 404,
    UnlinkOutcome.UNAVAILABLE: 503,
    UnlinkOutcome.MISCONFIGURED: 401,
    UnlinkOutcome.UNKNOWN: 500,
}


@pytest.fixture
def linked(signed_in: Alice) -> Alice:
    """Alice on the page that says that her TV is linked."""
    return signed_in.types_pin("good1")


def unlinks(sandbox: SimulatedZype) -> int:
    return [call["path"] for call in sandbox.record()].count("/pin/unlink")


def test_it_unlinks_the_tv_and_says_what_that_does_not_do(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    signed_in.types_pin(tv.pin)
    assert tv.is_linked()

    page = signed_in.undoes().page

    assert not tv.is_linked()
    assert (page.path, page.heading) == ("/activate/done", "That TV is no longer linked")
    assert page.text(".lead") == UNLINKED
    assert page.text("main .quiet") == ELSEWHERE
    assert not page.select('form[action="/activate/undo"]')
    assert outcomes(app, "undo") == ["unlinked"]


def test_every_failure_is_shown_here() -> None:
    assert set(SHOWN) == set(ANSWERS) == set(UnlinkOutcome) - {UnlinkOutcome.UNLINKED}


@pytest.mark.parametrize("outcome", SHOWN)
def test_each_failure_has_its_status_and_its_sentence(
    linked: Alice, app: Flask, sandbox: SimulatedZype, outcome: UnlinkOutcome
) -> None:
    status, sentence = SHOWN[outcome]
    with answering(sandbox, "/pin/unlink", ANSWERS[outcome]):
        page = linked.undoes(status).page

    assert page.title.startswith("Error: Your TV is linked")
    assert sentence in page.summary
    assert outcomes(app, "undo") == [outcome]
    # The TV is still linked, as far as anybody knows, so Undo can be tried again.
    assert page.select('form[action="/activate/undo"]')
    assert UNLINKED in linked.undoes().page.text()


def test_a_tv_that_zype_does_not_unlink_stays_linked(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    page = signed_in.types_pin("sticky1").undoes(503).page

    assert SHOWN[UnlinkOutcome.UNAVAILABLE][1] in page.summary
    assert outcomes(app, "undo") == ["unavailable"]
    assert unlinks(sandbox) == 1


def test_pressed_twice_it_is_done_once(linked: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    form = linked.page
    linked.undoes()

    page = linked.browser.follow(linked.browser.submit(form, "/activate/undo", 303))

    assert UNLINKED in page.text()
    assert unlinks(sandbox) == 1
    assert outcomes(app, "undo") == ["unlinked"]


def test_after_ten_minutes_it_is_too_late(linked: Alice, sandbox: SimulatedZype) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10, seconds=1), tick=True):
        page = linked.undoes(422).page

    assert SHOWN[UnlinkOutcome.GONE][1] in page.summary
    assert unlinks(sandbox) == 0


def test_a_viewer_can_t_undo_another_viewer_s_link(
    signed_in: Alice, mallory: Mallory, app: Flask, sandbox: SimulatedZype
) -> None:
    tv = sandbox.tv()
    attempt = signed_in.types_pin(tv.pin).page.value("[name=attempt]")
    mallory.signs_in().types_pin("good1")

    page = mallory.browser.submit(mallory.page, "/activate/undo", 422, attempt=attempt)

    assert SHOWN[UnlinkOutcome.GONE][1] in page.summary
    assert tv.is_linked()
    assert unlinks(sandbox) == 0


def test_an_invalid_attempt_id_undoes_nothing(linked: Alice, sandbox: SimulatedZype) -> None:
    for attempt in ("", "a" * 32, "A" * 32, "x" * 60_000, "' OR 1=1 --", "ä"):
        linked.browser.submit(linked.page, "/activate/undo", 422, attempt=attempt)

    assert unlinks(sandbox) == 0


def test_without_a_link_it_leads_to_the_form(signed_in: Alice, sandbox: SimulatedZype) -> None:
    token = signed_in.page.value('form[action="/activate"] [name=csrf_token]')

    assert signed_in.browser.send("POST", "/activate/undo", 303, data={"csrf_token": token}).location == "/activate"
    assert unlinks(sandbox) == 0


def test_a_stale_form_is_shown_again_and_undoes_nothing(linked: Alice, sandbox: SimulatedZype) -> None:
    page = linked.browser.send("POST", "/activate/undo", 422, data={"csrf_token": "stale"})

    assert "This page was open for too long" in page.summary
    assert unlinks(sandbox) == 0
    assert linked.browser.submit(page, "/activate/undo", 303).location == "/activate/done"


def test_without_a_session_it_asks_to_sign_in(client: PageClient, sandbox: SimulatedZype) -> None:
    assert client.send("POST", "/activate/undo", 303).location == "/activate"
    assert unlinks(sandbox) == 0


def test_a_tv_that_acquired_a_new_pin_since_is_left_alone(signed_in: Alice, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    signed_in.types_pin(tv.pin)
    sandbox.app.extensions["sandbox"].store.acquire(tv.device_id)

    page = signed_in.undoes(422).page

    assert SHOWN[UnlinkOutcome.GONE][1] in page.summary
    assert unlinks(sandbox) == 0


def test_a_tv_can_be_linked_again_afterwards(linked: Alice, app: Flask) -> None:
    page = linked.undoes().types_pin("good1").page

    assert page.heading == "Your TV is linked"
    assert outcomes(app) == ["linked", "linked"]


def test_the_ledger_says_which_tv_it_was_and_holds_no_pin(linked: Alice, app: Flask) -> None:
    linked.undoes()

    link = next(row for row in rows(app, ledger) if row["outcome"] == "linked")
    asked, answered = (row for row in rows(app, ledger) if row["action"] == "undo")
    assert asked["linked_device_id"] == answered["linked_device_id"] == link["linked_device_id"]
    assert answered["pin_fingerprint"] == link["pin_fingerprint"]
    assert "good1" not in str([asked, answered])


def test_undo_works_where_the_case_of_pins_is_kept(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    browser = browse(make_app(pin_case="keep", pin_pattern="[A-Za-z0-9]{4,16}"))

    assert UNLINKED in Alice(browser).signs_in().types_pin("good1").undoes().page.text()
