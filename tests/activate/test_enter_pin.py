"""The form where a PIN is typed: each outcome has its status, its own sentence, and the PIN still in the field."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from flask import Flask

from portal.domain.outcomes import Outcome
from portal.ledger.tables import ledger
from portal.sandbox import seed
from tests.harness.cases import each
from tests.harness.internals import logged, outcomes, rows, send_body
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice, Mallory
from tests.harness.simulated_zype import SimulatedZype


@dataclass(frozen=True)
class Shown:
    """What a viewer gets to see of an outcome.

    Args:
        status: of the page.
        heading: of the message.
        sentence: that no other outcome has.
        retry_after: the seconds that stand in Retry-After, or none where there is no such header.
    """

    status: int
    heading: str
    sentence: str
    retry_after: int | None = None


NOT_NOW = Shown(
    503, "We can't link your TV right now", "Don't worry: nothing has changed; your PIN is still in the field.", 10
)
SHOWN = {
    Outcome.LINKED: Shown(303, "Your TV is linked", "Your TV should continue within about ten seconds."),
    Outcome.NOT_FOUND: Shown(422, "PIN not found", "Compare it with your TV, or get a new PIN there."),
    Outcome.REFUSED: Shown(422, "This PIN can't be linked", "Get a new PIN on your TV and enter that one."),
    Outcome.MALFORMED: Shown(
        422,
        "Enter the PIN exactly as your TV shows it",
        "Type every letter and number of it, in the same order, and nothing else.",
    ),
    Outcome.TOO_MANY: Shown(429, "Please wait before you try again", "Several PINs did not work.", 900),
    Outcome.UNAVAILABLE: NOT_NOW,
    # A viewer can do nothing about the operator's key, so it looks like unavailable.
    Outcome.MISCONFIGURED: NOT_NOW,
    Outcome.UNKNOWN: Shown(503, "We did not hear back", "Look at your TV first; trying the same PIN again is safe."),
}
# One PIN for each outcome, and the one whose answer says when to try again. tests/linking asserts the outcome of all.
FAILING = ("used", "refused", "http503", "http429", "http401", "http500")
MAGIC = [magic for magic in seed.MAGIC_PINS if magic.word in FAILING]
# Each as somebody could send it; none is a PIN.
HOSTILE = {
    "empty": "",
    "spaces": "   ",
    "too short": "abc",
    "too long": "a" * 17,
    "300 characters": "a" * 300,
    "emoji": "zizm📺529",
    "zero byte": "good\0",
    "right-to-left override": "good\u202e529",
    "line separator in the ASCII controls": "good\x1c529",
    "SQL": "' OR 1=1; DROP TABLE ledger; --",
    "HTML": "<script>alert(1)</script>",
    "template": "{{ 7 * 7 }}",
    "path": "../../etc/passwd",
    "second parameter": "good&consumer_id=0bad00000000000000000002",
    "long s": "goodſ",
    "broken UTF-8": "good\ufffd",
}


def test_every_outcome_is_shown_here() -> None:
    assert set(SHOWN) == set(Outcome)
    assert {magic.outcome for magic in MAGIC} | {"linked", "malformed", "too_many"} == set(Outcome)


@pytest.mark.parametrize("magic", MAGIC, ids=lambda magic: magic.word)
def test_each_failure_has_its_words_and_keeps_the_pin_in_the_field(
    signed_in: Alice, app: Flask, sandbox: SimulatedZype, magic: seed.MagicPin
) -> None:
    expected = SHOWN[Outcome(magic.outcome)]
    typed = f" {magic.word.upper()}- "

    page = signed_in.types_pin(typed, expected.status).page

    assert page.title.startswith("Error: Link your TV")
    assert page.text("[role=alert] h2") == expected.heading
    assert expected.sentence in page.summary
    others = {shown.sentence for shown in SHOWN.values()} - {expected.sentence}
    assert not [sentence for sentence in others if sentence in page.summary]
    assert_it_is_said_once(page)
    assert page.value("#pin") == typed
    assert page.value("#from") == ""
    seconds = 30 if magic.word == "http429" else expected.retry_after
    assert page.header("Retry-After", "") == str(seconds or "")
    assert seconds is None or f"Please try again in {seconds} seconds." in page.summary
    assert outcomes(app) == [magic.outcome]
    assert len(sandbox.record()) == 1


def assert_it_is_said_once(page: Page) -> None:
    """What happened is a heading and what to do one paragraph, whose link leads to the field; nothing repeats it."""
    message = page.select_one("[role=alert] p")
    assert [link["href"] for link in page.select('[role=alert] a[href^="#"]')] == ["#pin"]
    assert not page.select(".field-error")
    field = page.select_one("#pin")
    is_wrong = page.status == 422
    assert field.attrs.get("aria-invalid") == ("true" if is_wrong else None)
    described_by = [message["id"], "pin-hint"] if is_wrong else ["pin-hint"]
    assert str(field["aria-describedby"]).split() == described_by


def test_a_linked_pin_leads_to_the_done_page(signed_in: Alice, app: Flask) -> None:
    page = signed_in.types_pin("good1", SHOWN[Outcome.LINKED].status).page

    assert page.path == "/activate/done"
    assert SHOWN[Outcome.LINKED].sentence in page.text()
    assert outcomes(app) == ["linked"]


def test_the_tv_is_linked_to_whoever_typed_its_pin(signed_in: Alice, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()

    signed_in.types_pin(f"{tv.pin[:3]}-{tv.pin[3:].upper()}")

    assert tv.owner() == seed.ALICE.id
    assert tv.greeting() == seed.ALICE.name


def test_a_malformed_pin_is_refused_with_a_sentence(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    for name, typed in HOSTILE.items():
        page = signed_in.types_pin(typed, 422).page

        assert_it_is_said_once(page)
        assert SHOWN[Outcome.MALFORMED].heading in page.summary, name
        # What can't be seen does not come back: it could not be taken out of the field.
        assert page.value("#pin") == typed.translate(dict.fromkeys(map(ord, "\0\x1c\u202e"))), name

    assert outcomes(app) == ["malformed"] * len(HOSTILE)
    assert sandbox.record() == []


@each(
    "number, typed",
    enumerate(
        (
            *("go\u30fcod1", "go\uff70od1", "good1.", "“good1”", "**good1**", "`good1`", "go・od_1"),
            "\u2068go•od1\u2069\ufe0f",
        ),
        start=1,
    ),
)
def test_what_keyboards_and_messages_add_changes_nothing(
    signed_in: Alice, app: Flask, sandbox: SimulatedZype, number: int, typed: str
) -> None:
    signed_in.types_pin(typed, 303)

    assert outcomes(app) == ["linked"] * number
    # The record tells PINs apart without holding them.
    assert len({call["pin"] for call in sandbox.record()}) == 1


def test_what_cannot_be_seen_does_not_come_back(signed_in: Alice) -> None:
    page = signed_in.types_pin("\u2067us\u200bed\u202c!x\ufe0f", 422).page

    assert page.value("#pin") == "used!x"


def test_a_pasted_link_of_the_portal_is_compared_first(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    link = f"{signed_in.browser.settings.public_url}/activate#pin=good1".upper()

    page = signed_in.types_pin(link).page

    assert page.heading == "Does the TV in front of you show this PIN?"
    assert page.text(".pin-display") == "good1"
    assert sandbox.record() == []
    signed_in.confirms()
    assert outcomes(app) == ["linked"]


def test_a_pasted_link_of_another_site_is_malformed(signed_in: Alice, sandbox: SimulatedZype) -> None:
    signed_in.types_pin("https://evil.example/activate#pin=good1", 422)

    assert sandbox.record() == []


def test_a_pin_of_a_megabyte_is_refused(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    signed_in.browser.submit(signed_in.page, "/activate", 413, pin="a" * 1_000_000)

    assert outcomes(app) == []
    assert sandbox.record() == []


@each(
    "content_type, body",
    [
        ("application/x-www-form-urlencoded", "csrf_token={}&pin=good1&pin=good2"),
        ("application/x-www-form-urlencoded", "csrf_token={}&pin="),
        ("application/x-www-form-urlencoded", "csrf_token={}&pin=good%ff%fe"),
        ("application/x-www-form-urlencoded", "csrf_token={}"),
        (
            "multipart/form-data; boundary=x",
            '--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{}\r\n'
            '--x\r\nContent-Disposition: form-data; name="pin"; filename="pin.txt"\r\n\r\ngood1\r\n--x--\r\n',
        ),
    ],
)
def test_a_body_that_no_form_sends_is_refused(
    signed_in: Alice, sandbox: SimulatedZype, content_type: str, body: str
) -> None:
    token = signed_in.page.value('form[action="/activate"] [name=csrf_token]')

    page = send_body(signed_in.browser, "/activate", body.format(quote(token)).encode(), content_type)

    assert page.status == 422
    assert SHOWN[Outcome.MALFORMED].heading in page.summary
    assert sandbox.record() == []


@each("document", [{"pin": 5}, {"pin": ["good1"]}, {"pin": None}, [1], "good1"])
def test_json_is_refused(signed_in: Alice, sandbox: SimulatedZype, document: object) -> None:
    page = send_body(signed_in.browser, "/activate", json.dumps(document).encode(), "application/json")

    assert page.status == 422
    assert sandbox.record() == []


def test_the_page_of_a_limit_says_how_long_to_wait(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    for number in range(5):
        signed_in.types_pin(f"used{number}", 422)

    page = signed_in.types_pin("Good 1", 429).page

    expected = SHOWN[Outcome.TOO_MANY]
    assert expected.sentence in page.summary
    assert "You can try again in 15 minutes." in page.summary
    assert int(page.header("Retry-After")) == pytest.approx(expected.retry_after, abs=30)
    assert page.value("#pin") == "Good 1"
    assert outcomes(app) == ["not_found"] * 5 + ["too_many"]
    assert len(sandbox.record()) == 5


def test_reloads_of_a_pin_that_was_not_found_are_one_attempt(
    signed_in: Alice, app: Flask, sandbox: SimulatedZype
) -> None:
    form = signed_in.page
    for _ in range(7):
        page = signed_in.browser.submit(form, "/activate", 422, pin="used77")
        assert SHOWN[Outcome.NOT_FOUND].sentence in page.summary
    signed_in.sends_the_pin_of_a_link("used88")
    comparison = signed_in.page
    for _ in range(7):
        signed_in.browser.submit(comparison, "/activate/confirm", 422)

    assert outcomes(app) == ["not_found", "not_found"]
    assert len(sandbox.record()) == 2
    signed_in.types_pin("good1")


def test_malformed_pins_do_not_count_against_the_limit(signed_in: Alice) -> None:
    for _ in range(6):
        signed_in.types_pin("no", 422)

    signed_in.types_pin("good1", 303)


def test_the_same_pin_again_after_success_is_the_same_success(signed_in: Alice, app: Flask) -> None:
    signed_in.types_pin("good1")
    form = signed_in.browser.get("/activate")

    signed_in.browser.submit(form, "/activate", 303, pin="good1")

    assert outcomes(app) == ["linked", "linked"]
    assert signed_in.opens("/activate/done").page.heading == "Your TV is linked"


def test_the_ledger_says_who_it_was_and_holds_no_pin(signed_in: Alice, app: Flask) -> None:
    signed_in.types_pin("used77", 422)

    asked, answered = (row for row in rows(app, ledger) if row["action"] == "link")
    assert {row["consumer_id"] for row in (asked, answered)} == {seed.ALICE.id}
    assert {row["actor_id"] for row in (asked, answered)} == {seed.ALICE.id}
    assert (asked["outcome"], answered["outcome"]) == (None, "not_found")
    assert "used77" not in str([asked, answered])


def test_the_page_names_the_account_and_what_is_never_asked_for(signed_in: Alice) -> None:
    page = signed_in.page

    assert "You're signed in as alice@example.com" in page.text(".account")
    assert "Only enter a PIN from a TV you can see." in page.text()
    assert "Activation is free." in page.text()
    assert page.value("#pin") == ""
    field = page.select_one("#pin")
    wanted = {"type": "text", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "dir": "ltr"}
    assert wanted.items() <= dict(field.attrs).items()
    assert not {"maxlength", "required", "pattern"} & set(field.attrs)


def test_only_the_entry_form_has_a_field_named_pin(signed_in: Alice) -> None:
    assert len(signed_in.page.select("[name=pin]")) == 1
    assert not signed_in.sends_the_pin_of_a_link("good1").page.select("[name=pin]")


def test_what_was_typed_survives_the_language_switch_and_not_you(
    signed_in: Alice, mallory: Mallory, sandbox: SimulatedZype
) -> None:
    for typed in ("good77", "GOOD-77", "go", "<b>"):
        page = signed_in.opens("/activate").page
        german = signed_in.browser.submit(page, "/language", 303, button="Deutsch", pin=typed)
        page = signed_in.browser.follow(german)
        assert (page.path, page.select_one("html")["lang"]) == ("/activate", "de")
        assert page.value("#pin") == typed
        signed_in.browser.submit(page, "/language", 303, button="English")

    gone = signed_in.browser.submit(signed_in.opens("/activate").page, ".account button", 303, pin="good77")
    assert not signed_in.browser.follow(gone).select_one("#pin-kept").has_attr("hidden")
    mallory.browser = signed_in.browser
    page = mallory.signs_in().page
    assert page.value("#pin") == "good77"
    # The page did not see it typed, and the account is another one.
    assert mallory.browser.submit(page, "/activate", 303).location == "/activate/compare"
    assert sandbox.record() == []


def test_an_emptied_field_stays_empty_through_the_language_switch(signed_in: Alice) -> None:
    page = signed_in.opens("/activate?pin=good1", 303).page
    signed_in.browser.submit(page, "/language", 303, button="Deutsch", pin="")

    assert signed_in.opens("/activate").page.value("#pin") == ""


def test_a_choice_of_language_elsewhere_leaves_the_pin(signed_in: Alice) -> None:
    signed_in.opens("/activate?pin=good1", 303)
    signed_in.browser.submit(signed_in.opens("/devices").page, "/language", 303, button="Deutsch")

    assert signed_in.opens("/activate").page.value("#pin") == "good1"


def test_a_token_that_is_missing_shows_the_form_again_with_the_pin(signed_in: Alice, sandbox: SimulatedZype) -> None:
    page = signed_in.browser.send("POST", "/activate", 422, data={"pin": "Good-1"})

    assert "This page was open for too long" in page.summary
    assert page.value("#pin") == "Good-1"
    assert sandbox.record() == []
    # Another site could have sent that PIN, so it is compared before it is linked.
    again = signed_in.browser.submit(page, "/activate", 303)
    assert again.location == "/activate/compare"
    assert sandbox.record() == []


def test_a_token_of_an_earlier_session_is_stale(signed_in: Alice, sandbox: SimulatedZype) -> None:
    old = signed_in.page
    signed_in.signs_out().signs_in()

    page = signed_in.browser.submit(old, "/activate", 422, pin="good1")

    assert page.value("#pin") == "good1"
    assert sandbox.record() == []
    assert signed_in.browser.submit(page, "/activate", 303).location == "/activate/compare"


@pytest.mark.parametrize("typed", ["good1", "<b>", "a" * 300])
def test_a_stale_form_shows_whatever_was_typed(signed_in: Alice, typed: str) -> None:
    assert signed_in.browser.send("POST", "/activate", 422, data={"pin": typed}).value("#pin") == typed


@pytest.mark.parametrize("keep_token", [True, False], ids=["with its token", "without"])
def test_a_pin_sent_without_a_session_is_there_again_after_sign_in(
    signed_in: Alice, sandbox: SimulatedZype, keep_token: bool
) -> None:
    old = signed_in.page
    signed_in.signs_out()
    sent: dict[str, str] = {"pin": "good1"}
    if keep_token:
        sent["csrf_token"] = old.value('form[action="/activate"] [name=csrf_token]')

    signed_in.browser.follow(signed_in.browser.send("POST", "/activate", 303, data=sent))
    signed_in.signs_in()

    assert signed_in.page.value("#pin") == "good1"
    assert signed_in.page.value("#from") == "link"
    assert sandbox.record() == []


def test_what_was_typed_without_a_session_is_there_again_though_it_is_no_whole_pin(client: PageClient) -> None:
    client.send("POST", "/activate", 303, data={"pin": "go"})

    assert Alice(client).signs_in().page.value("#pin") == "go"


@pytest.mark.parametrize("providers", ["password", "code", "password,code"])
def test_without_a_session_the_page_itself_shows_the_ways_to_sign_in(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], providers: str
) -> None:
    page = browse(make_app(sign_in=providers)).get("/activate", 200)

    assert page.heading == "Sign in to link your TV"
    assert len(page.select('form[action="/sign-in"]')) == ("password" in providers)
    assert len(page.select('a[href^="/sign-in/code"]')) == ("code" in providers)
    # The script there takes the PIN out of the address and keeps it.
    assert page.select('script[src^="/static/site."]')


def test_no_pin_is_logged(signed_in: Alice) -> None:
    with logged() as events:
        for pin in ("good471147114", "used471147114", "http500471147114"):
            signed_in.browser.submit(signed_in.browser.get("/activate"), "/activate", _status(pin), pin=pin)
        signed_in.browser.get("/activate?pin=good471147114", 303)

    assert events
    assert "471147114" not in str(events)


def _status(pin: str) -> int:
    return {"good": 303, "used": 422, "http": 503}[pin[:4]]
