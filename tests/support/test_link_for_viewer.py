"""Linking for a viewer: a PIN with a reason, each outcome worded for whoever has the caller on the telephone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.domain.outcomes import Outcome
from portal.ledger.tables import ledger
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.faulty_zype import answering
from tests.harness.internals import cookie, logged, outcomes, rows
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff
from tests.harness.timing import wait_until
from tests.support.conftest import REASON, VIEWER, WHY, Bob


@dataclass(frozen=True)
class Shown:
    """What an agent gets to see of an outcome.

    Args:
        status: of the page.
        sentence: that no other outcome has.
        retry_after: the seconds that stand in Retry-After, or none where there is no such header.
    """

    status: int
    sentence: str
    retry_after: int | None = None


SHOWN = {
    Outcome.LINKED: Shown(303, "The caller's TV should continue within about ten seconds."),
    Outcome.NOT_FOUND: Shown(422, "PIN not found Ask the caller to read the PIN from the TV once more"),
    Outcome.REFUSED: Shown(422, "Ask the caller to get a new PIN on the TV and to read that one to you."),
    Outcome.MALFORMED: Shown(422, "Ask the caller to read every letter and number on the TV one by one"),
    Outcome.TOO_MANY: Shown(429, "You have tried as often as you may for now.", 900),
    Outcome.UNAVAILABLE: Shown(503, "Nothing has changed, and what you typed is still here.", 10),
    Outcome.MISCONFIGURED: Shown(503, "Zype does not accept our key. Tell whoever runs this portal", 10),
    Outcome.UNKNOWN: Shown(503, "We did not hear back"),
}
# One PIN for each outcome, and the one whose answer says when to try again. tests/linking asserts the outcome of all.
FAILING = ("used", "refused", "http503", "http429", "http401", "http500")
MAGIC = [magic for magic in seed.MAGIC_PINS if magic.word in FAILING]
WRONG = {
    "no reason": ({"reason": ""}, "#reason", "Choose a reason."),
    "a reason of unlinking": ({"reason": "gone"}, "#reason", "Choose a reason from the list."),
    "no details": ({"details": ""}, "#details", "at least ten characters"),
    "nine characters": ({"details": "  no browser  "[:11]}, "#details", "at least ten characters"),
    "ten that can't be seen": ({"details": "\u200b" * 10}, "#details", "at least ten characters"),
    "501 characters": ({"details": "a" * 501}, "#details", "Shorten this to 500 characters."),
    "a control character": ({"details": "She has no browser\x07"}, "#details", "characters that can't be seen"),
    "a separator": ({"details": "She has no browser\x1c at hand"}, "#details", "characters that can't be seen"),
    "a ticket with a space": ({"ticket": "T 4711"}, "#ticket", "as your ticket system writes it"),
    "a ticket and more": ({"ticket": "T-4711\nT-4712"}, "#ticket", "as your ticket system writes it"),
    "a ticket with a zero byte": ({"ticket": "T-4711\0"}, "#ticket", "characters that can't be seen"),
    "a long ticket": ({"ticket": "T" * 201}, "#ticket", "Shorten this to 200 characters."),
    "no check of who calls": ({"identity_checked": None}, "#identity_checked", "Check who is calling"),
    "a check that is false": ({"identity_checked": "false"}, "#identity_checked", "Check who is calling"),
    "the PIN in the details": ({"details": "Her TV shows ZIZM-529."}, "#details", "Leave out the PIN"),
    "the PIN in the ticket": ({"ticket": "zizm-529"}, "#ticket", "Leave out the PIN"),
    "the PIN in full-width signs": ({"details": "It shows \uff5aizm529 here"}, "#details", "Leave out the PIN"),
}


def test_every_outcome_is_shown_here() -> None:
    assert set(SHOWN) == set(Outcome)
    assert {magic.outcome for magic in MAGIC} | {"linked", "malformed", "too_many"} == set(Outcome)


@each("number, magic", enumerate(MAGIC, start=1))
def test_each_failure_has_its_words_and_keeps_what_was_typed(
    bob: Bob, app: Flask, sandbox: SimulatedZype, number: int, magic: seed.MagicPin
) -> None:
    expected = SHOWN[Outcome(magic.outcome)]

    page = bob.enters(f" {magic.word.upper()}-").confirms_link(expected.status).page

    assert page.title.startswith("Error: Link a TV for a viewer")
    assert expected.sentence in page.summary
    others = {shown.sentence for shown in SHOWN.values()} - {expected.sentence}
    assert not [sentence for sentence in others if sentence in page.summary]
    assert page.value("#pin") == magic.word
    assert page.value("#reason option[selected]") == WHY["reason"]
    assert page.text("#details") == WHY["details"]
    assert page.value("#ticket") == WHY["ticket"]
    assert page.select_one("#identity_checked").has_attr("checked")
    assert page.text(".viewer-bar") == "Alice alice@example.com"
    seconds = 30 if magic.word == "http429" else expected.retry_after
    assert page.header("Retry-After", "") == str(seconds or "")
    assert outcomes(app) == [magic.outcome for magic in MAGIC[:number]]
    assert len(sandbox.record()) == number


def test_a_linked_pin_leads_to_the_done_page(bob: Bob, app: Flask) -> None:
    page = bob.links("good1").page

    assert page.path.startswith(f"{VIEWER}/done?")
    assert SHOWN[Outcome.LINKED].sentence in page.text()
    assert "good1" not in page.path
    assert outcomes(app) == ["linked"]


def test_the_tv_is_linked_to_the_viewer(bob: Bob, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()

    bob.links(f"{tv.pin[:3]}-{tv.pin[3:].upper()}")

    assert (tv.owner(), tv.greeting()) == (seed.ALICE.id, seed.ALICE.name)


def test_both_rows_say_who_did_it_for_whom_and_why_and_hold_no_pin(bob: Bob, app: Flask) -> None:
    bob.links("good4711x"[:8])

    asked, answered = (row for row in rows(app, ledger) if row["action"] == "link")
    for row in (asked, answered):
        assert (row["actor_kind"], row["actor_id"], row["consumer_id"]) == ("agent", "bob", seed.ALICE.id)
        assert (row["reason"], row["ticket"]) == (REASON, "T-4711")
    assert (asked["outcome"], answered["outcome"]) == (None, "linked")
    assert "good" not in str([asked, answered])


def test_the_recorded_reason_is_in_english(app: Flask, browse: Callable[..., PageClient]) -> None:
    bob = Bob(browse(app, language="de"))
    sign_in_staff(app, bob.browser)
    page = bob.enters("good1").page
    bob.browser.submit(page, f"{VIEWER}/link/confirm", 303, button=page.select("main button")[1].get_text(strip=True))

    assert {row["reason"] for row in rows(app, ledger) if row["action"] == "link"} == {REASON}


@pytest.mark.parametrize("ticket", ["", "   "])
def test_the_ticket_is_optional(bob: Bob, app: Flask, ticket: str) -> None:
    bob.enters("good1", ticket=ticket).confirms_link()

    assert {row["ticket"] for row in rows(app, ledger)} == {None}


def test_a_ticket_must_match_the_operator_s_pattern(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(ticket_pattern="[A-Z]{3}-[0-9]+")
    bob = Bob(browse(app))
    sign_in_staff(app, bob.browser)

    bob.enters("good1", 422, ticket="T-4711")
    bob.enters("good1", 422, ticket="ABC-1 ABC-2")
    bob.enters("good1", ticket="ABC-4711")


def test_a_pasted_ticket_is_the_same_ticket(bob: Bob, app: Flask) -> None:
    bob.enters("good1", ticket="\u00a0\uff34-47\u200b11\ufe0f ").confirms_link()

    assert {row["ticket"] for row in rows(app, ledger) if row["action"] == "link"} == {"T-4711"}


def test_the_operator_s_pattern_is_not_tried_on_a_ticket_that_is_too_long(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(ticket_pattern="(a+)+b")
    bob = Bob(browse(app))
    sign_in_staff(app, bob.browser)

    # It would take for ever.
    assert "Shorten this to 200 characters." in bob.enters("good1", 422, ticket="a" * 201).page.summary


def test_a_missing_field_has_its_error_beside_it(
    bob: Bob, app: Flask, sandbox: SimulatedZype, subtests: pytest.Subtests
) -> None:
    for name, (fields, selector, sentence) in WRONG.items():
        bob.opens(f"{VIEWER}/link")
        with subtests.test(name):
            page = bob.enters("zizm529", 422, **fields).page

            assert sentence in page.summary
            assert page.select_one(selector)["aria-invalid"] == "true"
            assert sentence in page.text(f"{selector}-error")
            assert page.value("#pin") == "zizm529"
            assert cookie(bob.browser, "activate-staff-pin") is None
            assert outcomes(app) == []
    assert sandbox.record() == []


def test_an_empty_form_lists_the_pin_too(bob: Bob, app: Flask) -> None:
    page = bob.enters(" \u200b", 422, reason="", details="", ticket="", identity_checked=None).page

    faults = {str(link["href"]): link.get_text() for link in page.select("[role=alert] a")}
    assert faults == {
        "#pin": "Enter the PIN that the TV shows.",
        "#reason": "Choose a reason.",
        "#details": "Say what happened, in at least ten characters.",
        "#identity_checked": "Check who is calling before you go on.",
    }
    assert page.text("#pin-error") == "Enter the PIN that the TV shows."
    assert "10 to 500 characters" in page.text("#details-hint")
    assert outcomes(app) == []


def test_a_malformed_pin_is_listed_with_the_other_faults(bob: Bob, app: Flask) -> None:
    page = bob.enters("<b>", 422, details="").page

    assert "Compare every letter and number with the caller." in page.summary
    assert "Say what happened" in page.summary
    assert outcomes(app) == []


def test_the_details_are_stored_on_one_line(bob: Bob, app: Flask) -> None:
    typed = ["a" * 10, "a" * 500, "  ten chars!  ", "Two\r\nlines.", "日本語の理由を書きました。"]
    for number, details in enumerate(typed, 1):
        bob.opens(f"{VIEWER}/link").enters(f"good{number}", details=details).confirms_link()

        kept = [row["reason"] for row in rows(app, ledger) if row["action"] == "link"][-2:]
        assert kept == [f"The viewer needs a hand with the remote: {' '.join(details.split())}"] * 2


def test_a_malformed_pin_is_recorded_and_refused(
    bob: Bob, app: Flask, sandbox: SimulatedZype, subtests: pytest.Subtests
) -> None:
    for typed in ("no", "a" * 300, "good\0", "<b>", "good\u202e529", "📺"):
        bob.opens(f"{VIEWER}/link")
        with subtests.test(typed=ascii(typed)):
            page = bob.enters(typed, 422).page

            assert SHOWN[Outcome.MALFORMED].sentence in page.summary
            assert page.value("#pin") == typed.replace("\0", "").replace("\u202e", "")
            assert [(row["outcome"], row["reason"]) for row in rows(app, ledger) if row["action"] == "link"][-2:] == [
                (None, REASON),
                ("malformed", REASON),
            ]
    assert sandbox.record() == []


def test_the_same_pin_of_viewer_and_agent_at_once_is_asked_once_and_names_both(
    bob: Bob, alice: Alice, app: Flask, sandbox: SimulatedZype
) -> None:
    alice.signs_in()
    bob.enters("slow1")
    with ThreadPoolExecutor(1) as threads:
        viewer = threads.submit(alice.types_pin, "slow1")
        wait_until(sandbox.record, "the call has arrived")
        page = bob.confirms_link().page
        assert viewer.result().page.heading == "Your TV is linked"

    assert page.heading == "The TV is linked"
    assert len(sandbox.record()) == 1
    ended = [row for row in rows(app, ledger) if row["action"] == "link" and row["outcome"]]
    assert [(row["actor_kind"], row["outcome"]) for row in ended] == [("viewer", "linked"), ("agent", "linked")]
    assert [row["reason"] for row in ended] == [None, REASON]


def test_the_form_keeps_its_fields_while_zype_is_down(bob: Bob, sandbox: SimulatedZype) -> None:
    bob.opens(f"{VIEWER}/link")
    with answering(sandbox, "/consumers", 503):
        page = bob.enters("Good-1", 503).page

    assert SHOWN[Outcome.UNAVAILABLE].sentence in page.summary
    assert page.value("#pin") == "Good-1"
    assert page.text("#details") == WHY["details"]
    assert page.text(".viewer-bar") == "Alice alice@example.com", "as the page before named them"
    assert bob.enters("Good-1").confirms_link().page.heading == "The TV is linked"


@each("forged", ["", "rubbish", "WyJjYWxsZXIiXQ.x"])
def test_an_unsigned_summary_is_not_shown(bob: Bob, sandbox: SimulatedZype, forged: str) -> None:
    bob.opens(f"{VIEWER}/link")
    with answering(sandbox, "/consumers", 503):
        page = bob.enters("good1", 503, caller=forged).page

    assert page.text(".viewer-bar") == f"Viewer without a name {seed.ALICE.id}"


def test_a_summary_of_another_viewer_is_not_shown(bob: Bob, sandbox: SimulatedZype) -> None:
    other = bob.opens(f"/support/viewers/{seed.MALLORY.id}/link").page.value("[name=caller]")
    bob.opens(f"{VIEWER}/link")
    with answering(sandbox, "/consumers", 503):
        page = bob.enters("good1", 503, caller=other).page

    assert "mallory" not in page.source.lower()


def test_when_the_attempt_can_t_be_written_zype_is_not_asked(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    bob.enters("good1")
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("DROP TABLE pending"))

    page = bob.confirms_link(503).page

    assert SHOWN[Outcome.UNAVAILABLE].sentence in page.summary
    assert page.value("#pin") == "good1"
    assert page.header("Retry-After") == "60"
    assert sandbox.record() == []


def test_a_stale_form_comes_back_with_what_was_typed(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    signed = bob.opens(f"{VIEWER}/link").page.value("[name=caller]")
    sent = {**WHY, "pin": "Good-1", "caller": signed, "csrf_token": "stale"}

    page = bob.browser.send("POST", f"{VIEWER}/link", 422, data=sent)

    assert "This page was open for too long" in page.summary
    assert page.value("#pin") == "Good-1"
    assert page.text("#details") == WHY["details"]
    assert page.text(".viewer-bar") == "Alice alice@example.com"
    assert outcomes(app) == []
    assert sandbox.record() == []
    bob.browser.submit(page, f"{VIEWER}/link", 200)


def test_no_pin_and_no_address_is_logged(bob: Bob) -> None:
    with logged() as events:
        bob.finds(seed.ALICE.email)
        for pin in ("good471147114", "used471147114", "http500471147114"):
            bob.enters(pin).confirms_link({"good": 303, "used": 422, "http": 503}[pin[:4]])

    assert events
    assert "471147114" not in str(events)
    assert "example.com" not in str(events)


def test_the_form_has_focus_in_its_field(bob: Bob) -> None:
    page = bob.opens(f"{VIEWER}/link").page

    field = page.select_one("#pin")
    wanted = {"type": "text", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "dir": "ltr"}
    assert wanted.items() <= dict(field.attrs).items()
    assert field.has_attr("data-autofocus")
    assert not field.has_attr("autofocus")
    assert page.text(".viewer-bar") == "Alice alice@example.com"
    assert page.select('script[src^="/static/js/phonetic."]')
