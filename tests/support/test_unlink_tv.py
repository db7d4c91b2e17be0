"""Unlinking one TV for a viewer: with a reason, as Zype says whose it is, and each outcome worded for an agent."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from portal.domain.outcomes import UnlinkOutcome
from portal.ledger.tables import ledger
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.faulty_zype import answering
from tests.harness.internals import outcomes, rows
from tests.harness.linking import link_as_viewer
from tests.harness.people import Mallory
from tests.harness.simulated_zype import SimulatedZype
from tests.support.conftest import UNLINK_REASON, UNLINK_WHY, VIEWER, Bob

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
WRONG = {
    "no reason": {"reason": ""},
    "a reason of linking": {"reason": "no_page"},
    "no details": {"details": " "},
    "a control character": {"details": "She sold it in the\x00 spring."},
    "a bad ticket": {"ticket": "T 4711"},
    "no check of who calls": {"identity_checked": None},
}


@pytest.fixture
def linked(bob: Bob) -> Bob:
    """Bob, after he linked two TVs for Alice."""
    return bob.has_linked("good1", "good2")


def unlinks(sandbox: SimulatedZype) -> int:
    return [call["path"] for call in sandbox.record()].count("/pin/unlink")


def path_of(bob: Bob, number: int = 1) -> str:
    links = bob.opens(VIEWER).page.select(f'a[href^="{VIEWER}/devices/"]')
    return str(links[number - 1]["href"])


def test_it_says_which_tv_of_whose_account(linked: Bob) -> None:
    page = linked.opens(path_of(linked, 1)).page

    assert page.text(".viewer-bar") == "Alice alice@example.com"
    assert "TV 2 will be unlinked from the account above. It was linked " in page.text()


def test_the_tv_is_unlinked_and_the_viewer_s_page_says_so(bob: Bob, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    bob.links(tv.pin)

    page = bob.unlinks().page

    assert not tv.is_linked()
    assert page.path == VIEWER
    assert "One TV is unlinked. If somebody else has that TV, it may stay signed in" in page.text("[role=status]")
    assert "Zype lists none for this account." in page.text()


def test_both_rows_say_who_did_it_and_why(linked: Bob, app: Flask) -> None:
    linked.unlinks(2)

    asked, answered = (row for row in rows(app, ledger) if row["action"] == "unlink")
    for row in (asked, answered):
        assert (row["actor_kind"], row["actor_id"], row["consumer_id"]) == ("agent", "bob", seed.ALICE.id)
        assert (row["reason"], row["ticket"]) == (UNLINK_REASON, "T-4711")
    assert (asked["outcome"], answered["outcome"]) == (None, "unlinked")
    assert "good2" not in str([asked, answered])


def test_a_missing_field_is_named_and_nothing_is_unlinked(
    linked: Bob, sandbox: SimulatedZype, subtests: pytest.Subtests
) -> None:
    for what, fields in WRONG.items():
        with subtests.test(what):
            page = linked.unlinks(1, 422, **fields).page

            (name,) = fields
            assert page.select(f'[role=alert] a[href="#{name}"]')
            assert page.select(f"#{name}-error")
            assert unlinks(sandbox) == 0


def test_every_failure_is_shown_here() -> None:
    assert set(SHOWN) == set(ANSWERS) == set(UnlinkOutcome) - {UnlinkOutcome.UNLINKED}


@pytest.mark.parametrize("outcome", SHOWN)
def test_each_failure_has_its_status_and_its_sentence_and_keeps_what_was_typed(
    linked: Bob, app: Flask, sandbox: SimulatedZype, outcome: UnlinkOutcome
) -> None:
    status, sentence = SHOWN[outcome]
    with answering(sandbox, "/pin/unlink", ANSWERS[outcome]):
        page = linked.unlinks(1, status).page

    assert sentence in page.summary
    assert not [other for _, other in SHOWN.values() if other != sentence and other in page.summary]
    assert page.text("#details") == UNLINK_WHY["details"]
    assert outcomes(app, "unlink") == [outcome]
    assert linked.unlinks().page.path == VIEWER


def test_a_tv_that_acquired_a_new_pin_since_is_left_alone(bob: Bob, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    bob.has_linked(tv.pin)
    path = path_of(bob)
    record = {"_id": seed.ALICE.id, "email": seed.ALICE.email, "linked_devices": [tv.device_id]}
    page = bob.opens(path).page
    sandbox.app.extensions["sandbox"].store.acquire(tv.device_id)

    with answering(sandbox, "/consumers", 200, {"response": record}):
        answer = bob.browser.submit(page, path, 422, **UNLINK_WHY)

    assert SHOWN[UnlinkOutcome.GONE][1] in answer.summary
    assert unlinks(sandbox) == 0


def test_a_404_for_a_tv_lists_the_tvs_that_are_linked(linked: Bob, sandbox: SimulatedZype) -> None:
    path = path_of(linked)
    page = linked.opens(path).page
    linked.browser.submit(page, path, 303, **UNLINK_WHY)

    again = linked.browser.submit(page, path, 404, **UNLINK_WHY)

    assert "That TV is not linked to this account any more" in again.summary
    assert len(again.select(".row")) == 1
    assert linked.opens(path, 404).page.heading == "Alice"
    assert unlinks(sandbox) == 1


@each("handle", ["x", "0" * 32, "a" * 5000, "%00", "<b>", "' OR 1=1 --"])
def test_an_unknown_handle_is_404(linked: Bob, handle: str) -> None:
    page = linked.opens(f"{VIEWER}/devices/{handle}/unlink", 404).page
    assert page.title.startswith("Error: ")


def test_the_tv_of_another_viewer_is_not_unlinked_by_its_handle(
    linked: Bob, mallory: Mallory, app: Flask, sandbox: SimulatedZype
) -> None:
    link_as_viewer(app, mallory, "good3")
    theirs = services_of(app).directory.tvs(seed.MALLORY.id)[0].handle
    path = path_of(linked)
    page = linked.opens(path).page
    token = page.value(f'form[action="{path}"] [name=csrf_token]')

    sent = UNLINK_WHY | {"csrf_token": token}
    linked.browser.send("POST", f"{VIEWER}/devices/{theirs}/unlink", 404, data=sent)

    assert unlinks(sandbox) == 0


@contextmanager
def without(sandbox: SimulatedZype, app: Flask, what: str) -> Iterator[None]:
    with ExitStack() as stack:
        if what == "zype":
            stack.enter_context(answering(sandbox, "/consumers", 503))
        else:
            with services_of(app).database.write() as connection:
                connection.execute(sa.text(f"DROP TABLE {what}"))
        yield


@pytest.mark.parametrize("what", ["zype", "pending"])
def test_what_was_typed_stays_while_something_is_down(
    linked: Bob, app: Flask, sandbox: SimulatedZype, what: str
) -> None:
    path = path_of(linked)
    page = linked.opens(path).page
    with without(sandbox, app, what):
        answer = linked.browser.submit(page, path, 503, **UNLINK_WHY)

    assert SHOWN[UnlinkOutcome.UNAVAILABLE][1] in answer.summary
    assert answer.text("#details") == UNLINK_WHY["details"]
    assert answer.text(".viewer-bar") == "Alice alice@example.com"
    assert unlinks(sandbox) == 0


def test_a_stale_form_comes_back_with_what_was_typed(linked: Bob, sandbox: SimulatedZype) -> None:
    path = path_of(linked)
    signed = linked.opens(path).page.value("[name=caller]")

    page = linked.browser.send("POST", path, 422, data=UNLINK_WHY | {"caller": signed, "csrf_token": "stale"})

    assert "This page was open for too long" in page.summary
    assert page.text("#details") == UNLINK_WHY["details"]
    assert page.text(".viewer-bar") == "Alice alice@example.com"
    assert unlinks(sandbox) == 0
    linked.browser.submit(page, path, 303)


def test_a_get_unlinks_nothing(linked: Bob, sandbox: SimulatedZype) -> None:
    linked.opens(path_of(linked))

    assert unlinks(sandbox) == 0


def test_an_older_unlink_has_no_notice(linked: Bob) -> None:
    assert linked.unlinks().page.select("main [role=status]")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1), tick=True):
        assert not linked.opens(VIEWER).page.select("main [role=status]")

    linked.unlinks().has_linked("good3")
    assert not linked.opens(VIEWER).page.select("main [role=status]")
