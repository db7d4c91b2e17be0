"""What was linked for a viewer, and Undo: for ten minutes, by an agent, of what this portal linked for this viewer."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from portal.domain.outcomes import UnlinkOutcome
from portal.ledger.tables import ledger
from portal.pages.support.signed_state import sign, verify
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.faulty_zype import answering
from tests.harness.internals import outcomes, rows
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff
from tests.support.conftest import VIEWER, Bob

UNDO = f"{VIEWER}/undo"
UNLINKED = "Unlinked. If somebody else has that TV, it may stay signed in for a while: ask the caller to change"
SHOWN = {
    UnlinkOutcome.GONE: (422, "There is nothing to unlink any more"),
    UnlinkOutcome.UNAVAILABLE: (503, "The TV can't be unlinked right now"),
    UnlinkOutcome.MISCONFIGURED: (503, "Zype does not accept our key. Tell whoever runs this portal."),
    UnlinkOutcome.UNKNOWN: (503, "We did not hear back"),
}
ANSWERS = {
    UnlinkOutcome.GONE: 404,
    UnlinkOutcome.UNAVAILABLE: 503,
    UnlinkOutcome.MISCONFIGURED: 401,
    UnlinkOutcome.UNKNOWN: 500,
}


def unlinks(sandbox: SimulatedZype) -> int:
    return [call["path"] for call in sandbox.record()].count("/pin/unlink")


def test_it_says_which_tv_of_whose_account(bob: Bob) -> None:
    page = bob.has_linked("good1").links("good2").page

    assert page.heading == "The TV is linked"
    assert page.text(".viewer-bar") == "Alice alice@example.com"
    assert "On the viewer's page it is called TV 2." in page.text()
    assert "You can undo this for another 10 minutes." in page.text()
    assert page.select(f'a[href="{VIEWER}"]')


def test_undo_unlinks_it_in_the_agent_s_name(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()

    page = bob.links(tv.pin).undoes_link().page

    assert not tv.is_linked()
    assert page.heading == "The TV is no longer linked"
    assert UNLINKED in page.text()
    assert not page.select(f'form[action="{UNDO}"]')
    kept = [row for row in rows(app, ledger) if row["action"] == "undo"]
    assert {(row["actor_kind"], row["actor_id"], row["consumer_id"]) for row in kept} == {
        ("agent", "bob", seed.ALICE.id)
    }


def test_every_failure_is_shown_here() -> None:
    assert set(SHOWN) == set(ANSWERS) == set(UnlinkOutcome) - {UnlinkOutcome.UNLINKED}


@pytest.mark.parametrize("outcome", SHOWN)
def test_each_failure_has_its_status_and_its_sentence(
    bob: Bob, app: Flask, sandbox: SimulatedZype, outcome: UnlinkOutcome
) -> None:
    status, sentence = SHOWN[outcome]
    bob.has_linked_and_sees("good1")
    with answering(sandbox, "/pin/unlink", ANSWERS[outcome]):
        page = bob.undoes_link(status).page

    assert page.title.startswith("Error: The TV is linked")
    assert sentence in page.summary
    assert page.text(".viewer-bar") == "Alice alice@example.com"
    assert outcomes(app, "undo") == [outcome]
    assert UNLINKED in bob.undoes_link().page.text()


def test_after_ten_minutes_it_is_too_late(bob: Bob, sandbox: SimulatedZype) -> None:
    bob.has_linked_and_sees("good1")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10, seconds=1), tick=True):
        page = bob.undoes_link(422).page

    assert SHOWN[UnlinkOutcome.GONE][1] in page.summary
    assert "Go to the viewer and unlink it there." in page.text()
    assert unlinks(sandbox) == 0


def test_a_tv_that_zype_did_not_name_has_no_undo(bob: Bob) -> None:
    page = bob.has_linked_and_sees("nameless1").page

    assert not page.select(f'form[action="{UNDO}"]')
    assert "Go to the viewer and unlink it there." in page.text()


def test_pressed_twice_it_is_done_once(bob: Bob, sandbox: SimulatedZype) -> None:
    form = bob.has_linked_and_sees("good1").page
    bob.undoes_link()

    page = bob.browser.follow(bob.browser.submit(form, UNDO, 303))

    assert UNLINKED in page.text()
    assert unlinks(sandbox) == 1


@each("attempt", ["", "a" * 32, "rubbish.x", "ä", "x" * 5000])
def test_an_attempt_that_linked_nothing_has_no_done_page(bob: Bob, sandbox: SimulatedZype, attempt: str) -> None:
    page = bob.has_linked_and_sees("good1").page

    assert bob.opens(f"{VIEWER}/done?attempt={attempt}", 303).page.path == VIEWER
    assert bob.browser.submit(page, UNDO, 303, attempt=attempt).location == VIEWER
    assert unlinks(sandbox) == 0


def test_what_was_linked_for_one_viewer_is_not_undone_for_another(bob: Bob, sandbox: SimulatedZype) -> None:
    page = bob.has_linked_and_sees("good1").page
    other = f"/support/viewers/{seed.MALLORY.id}"
    signed = page.value("[name=attempt]")
    token = page.value(f'form[action="{UNDO}"] [name=csrf_token]')

    assert bob.opens(f"{other}/done?attempt={signed}", 303).page.path == other
    sent = {"csrf_token": token, "attempt": signed}
    assert bob.browser.send("POST", f"{other}/undo", 303, data=sent).location == other
    assert unlinks(sandbox) == 0


def test_a_signed_text_is_valid_for_its_kind_and_viewer_only(bob: Bob, app: Flask) -> None:
    with app.app_context():
        assert verify("attempt", sign("attempt", "a", "b")) == ["a", "b"]
        assert verify("caller", sign("attempt", "a", "b")) == []
        # Linked, as far as Zype is concerned, and the outcome could not be written.
        signed = sign("attempt", seed.ALICE.id, "f" * 32)
    other = f"/support/viewers/{seed.MALLORY.id}"

    assert bob.opens(f"{VIEWER}/done?attempt={signed}").page.heading == "The TV is linked"
    assert not bob.page.select(f'form[action="{UNDO}"]')
    assert bob.opens(f"{other}/done?attempt={signed}", 303).page.path == other


def test_without_zype_it_still_says_what_was_linked(bob: Bob, sandbox: SimulatedZype) -> None:
    answer = bob.browser.submit(bob.enters("good1").page, f"{VIEWER}/link/confirm", 303, button="Yes, link this TV")
    with answering(sandbox, "/consumers", 503):
        page = bob.browser.follow(answer)

    assert page.heading == "The TV is linked"
    assert page.text(".viewer-bar") == f"Viewer without a name {seed.ALICE.id}"
    assert page.select(f'form[action="{UNDO}"]')


def test_when_the_attempt_can_t_be_written_nothing_is_unlinked(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    bob.has_linked_and_sees("good1")
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("DROP TABLE pending"))

    page = bob.undoes_link(503).page

    assert SHOWN[UnlinkOutcome.UNAVAILABLE][1] in page.summary
    assert unlinks(sandbox) == 0


def test_a_stale_form_is_shown_again_and_undoes_nothing(bob: Bob, sandbox: SimulatedZype) -> None:
    page = bob.has_linked_and_sees("good1").page
    sent = {name: page.value(f"[name={name}]") for name in ("attempt", "caller")}

    again = bob.browser.send("POST", UNDO, 422, data={**sent, "csrf_token": "stale"})

    assert "This page was open for too long" in again.summary
    assert unlinks(sandbox) == 0
    assert bob.browser.submit(again, UNDO, 303)


def test_a_colleague_can_undo_it_too(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    bob.has_linked_and_sees("good1")
    sign_in_staff(app, bob.browser, "newcomer")

    bob.opens(bob.page.path).undoes_link()

    assert {row["actor_id"] for row in rows(app, ledger) if row["action"] == "undo"} == {"newcomer"}


def test_no_viewer_is_shown_it(bob: Bob, alice: Alice) -> None:
    path = bob.has_linked_and_sees("good1").page.path

    assert (alice.signs_in().browser.get(path, 303).location or "").startswith("/support/sign-in")
