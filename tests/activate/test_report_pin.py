"""A viewer reports that somebody sent them a PIN: explained, recorded, unlinked if linked, and shown to support."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from portal.domain.actors import Actor, ActorKind, Role
from portal.domain.pins import Pin
from portal.ledger.tables import ledger
from portal.linking.reports import MAX_REPORTS
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.faulty_zype import answering
from tests.harness.internals import cookie, give_cookie, outcomes, rows
from tests.harness.page import Page
from tests.harness.people import Alice, Bob, Mallory, Supervisor
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff

COOKIE = "activate-pin"
EXPLANATION = (
    "Somebody who sends you a PIN wants a TV of theirs on your account.",
    "They could watch on it at your expense until it is unlinked.",
    "Only enter a PIN from a TV you can see.",
)


def explains(page: Page) -> bool:
    """Tell whether a page explains the fraud and offers to sign out everywhere."""
    words = page.text(".notice")
    return all(sentence in words for sentence in EXPLANATION) and bool(
        page.select('.notice form[action="/sign-out/everywhere"] button')
    )


def reports(app: Flask) -> list[tuple[str | None, bool]]:
    """Return device and whether there is a fingerprint of each report, oldest first."""
    found = [row for row in rows(app, ledger) if row["action"] == "report" and row["outcome"] == "reported"]
    assert {row["actor_id"] for row in found} <= {seed.ALICE.id}
    return [(row["linked_device_id"], row["pin_fingerprint"] is not None) for row in found]


def test_from_the_comparison_it_is_recorded_and_nothing_is_linked(
    signed_in: Alice, app: Flask, sandbox: SimulatedZype
) -> None:
    page = signed_in.sends_the_pin_of_a_link("good1").says_that_somebody_sent_it().page

    assert (page.path, page.value("#pin")) == ("/activate", "")
    assert "It is recorded, and nothing was linked." in page.text(".notice")
    assert explains(page)
    assert not page.select(".notice [name=pin]")
    assert cookie(signed_in.browser, COOKIE) is None
    assert reports(app) == [(None, True)]
    assert sandbox.record() == []
    assert not signed_in.opens("/activate").page.select(".notice"), "it is said once"


def test_after_the_link_it_is_recorded_and_unlinked(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    page = signed_in.types_pin(tv.pin).says_that_somebody_sent_it().page

    assert not tv.is_linked()
    assert (page.path, page.heading) == ("/activate/done", "That TV is no longer linked")
    assert "It is recorded, and that TV is no longer linked." in page.text(".notice")
    assert explains(page)
    assert reports(app) == [(tv.device_id, True)]
    assert outcomes(app, "undo") == ["unlinked"]
    fingerprints = {row["pin_fingerprint"] for row in rows(app, ledger) if row["action"] in ("link", "report")}
    assert len(fingerprints) == 1


def test_it_unlinks_when_undo_is_over_too(signed_in: Alice, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    signed_in.types_pin(tv.pin)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=30), tick=True):
        page = signed_in.opens("/activate/done").says_that_somebody_sent_it().page

    assert page.heading == "That TV is no longer linked"
    assert not tv.is_linked()


@pytest.mark.parametrize(("status", "shown"), [(503, 503), (500, 503), (404, 422)])
def test_if_it_can_t_be_unlinked_the_page_says_so_and_explains_it_all_the_same(
    signed_in: Alice, app: Flask, sandbox: SimulatedZype, status: int, shown: int
) -> None:
    signed_in.types_pin("good1")
    with answering(sandbox, "/pin/unlink", status):
        page = signed_in.says_that_somebody_sent_it(shown).page

    assert page.title.startswith("Error: Your TV is linked")
    assert "It is recorded, but that TV may still be linked." in page.text(".notice")
    assert explains(page)
    assert len(reports(app)) == 1


def test_a_link_without_a_device_id_is_for_support(signed_in: Alice, app: Flask) -> None:
    page = signed_in.types_pin("nameless1").says_that_somebody_sent_it(422).page

    assert "tell support" in page.summary
    assert reports(app) == [(None, True)]


def test_a_pin_that_another_tab_linked_meanwhile_is_unlinked(signed_in: Alice, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    comparison = signed_in.sends_the_pin_of_a_link(tv.pin).page
    signed_in.confirms()
    assert tv.is_linked()

    signed_in.browser.submit(comparison, "/activate/report", 303)

    assert not tv.is_linked()


def test_a_tv_linked_before_stays_linked(signed_in: Alice, sandbox: SimulatedZype) -> None:
    """The comparison is about another PIN."""
    tv = sandbox.tv()
    signed_in.types_pin(tv.pin)

    signed_in.sends_the_pin_of_a_link("good1").says_that_somebody_sent_it()

    assert tv.is_linked()


def test_the_pin_that_another_tab_brought_is_kept(signed_in: Alice, app: Flask) -> None:
    signed_in.sends_the_pin_of_a_link("good1")
    signed_in.browser.get("/activate?pin=zizm529", 303)

    page = signed_in.says_that_somebody_sent_it().page

    assert page.value("#pin") == "zizm529"
    assert reports(app) == [(None, False)]


def test_a_report_after_the_half_hour_is_recorded(signed_in: Alice, app: Flask) -> None:
    signed_in.sends_the_pin_of_a_link("good1")
    give_cookie(signed_in.browser, COOKIE, "")

    assert explains(signed_in.says_that_somebody_sent_it().page)
    assert reports(app) == [(None, False)]


def test_pressed_twice_it_is_one_report(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    done = signed_in.types_pin(tv.pin).page
    for _ in range(2):
        signed_in.browser.submit(done, "/activate/report", 303)

    assert reports(app) == [(tv.device_id, True)]
    assert outcomes(app, "undo") == ["unlinked"]


def test_nobody_unlinks_another_s_tv_by_a_report(
    signed_in: Alice, mallory: Mallory, app: Flask, sandbox: SimulatedZype
) -> None:
    tv = sandbox.tv()
    attempt = signed_in.types_pin(tv.pin).page.value("[name=attempt]")
    mallory.signs_in().types_pin("good77")

    mallory.browser.submit(mallory.page, "/activate/report", 422, linked=attempt)

    assert tv.is_linked()


def test_a_stale_report_is_asked_for_once_more(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    signed_in.sends_the_pin_of_a_link("good1")
    stale = {"csrf_token": "stale", "reported": "x"}
    assert signed_in.browser.send("POST", "/activate/report", 303, data=stale).location == "/activate/compare"
    signed_in.types_pin("good77")
    page = signed_in.browser.send("POST", "/activate/report", 422, data={"csrf_token": "stale"})

    assert "This page was open for too long" in page.summary
    assert reports(app) == []


def test_a_reported_pin_is_not_taken_for_one_that_was_sent(
    signed_in: Alice, app: Flask, sandbox: SimulatedZype
) -> None:
    """What became of a PIN is decided by links and unlinks alone."""
    signed_in.sends_the_pin_of_a_link("used77").says_that_somebody_sent_it()

    signed_in.sends_the_pin_of_a_link("used77").confirms(422)

    assert outcomes(app) == ["not_found"]
    assert [call["path"] for call in sandbox.record()] == ["/pin/link"]


def test_support_sees_it(signed_in: Alice, app: Flask, bob: Bob, supervisor: Supervisor) -> None:
    signed_in.sends_the_pin_of_a_link("good1").says_that_somebody_sent_it()
    sign_in_staff(app, bob.browser)
    asked = bob.browser.submit(bob.opens("/support").page, "main form", 303, who=seed.ALICE.id)
    page = bob.browser.follow(asked)

    assert "Somebody sent this viewer a PIN" in page.text(".notice")
    assert "Report a PIN that somebody sent recorded" in page.text()
    sign_in_staff(app, supervisor.browser, "supervisor", Role.SUPERVISOR)
    assert "Report a PIN that somebody sent recorded" in supervisor.opens("/support/history").page.text("tbody")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=31), tick=True):
        sign_in_staff(app, bob.browser)
        asked = bob.browser.submit(bob.opens("/support").page, "main form", 303, who=seed.ALICE.id)
        assert not bob.browser.follow(asked).select(".notice")


def test_a_viewer_can_t_fill_the_ledger_with_reports(signed_in: Alice, app: Flask) -> None:
    service, actor = services_of(app).reports, Actor(ActorKind.VIEWER, seed.ALICE.id, "127.0.0.1", "request-1")
    for number in range(MAX_REPORTS + 5):
        for _ in range(2):
            service.report_pin(Pin(f"good{number}"), seed.ALICE.id, actor)

    assert len(reports(app)) == MAX_REPORTS
