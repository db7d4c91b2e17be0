"""A PIN that a link filled in: kept out of every address, compared by eye, and linked by its own button alone."""

import re

import pytest
from flask import Flask

from portal.sandbox import seed
from tests.harness.cases import each
from tests.harness.internals import cookie, give_cookie, logged, outcomes
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype

COOKIE = "activate-pin"
COMPARE = "Does the TV in front of you show this PIN?"


@pytest.fixture
def comparing(signed_in: Alice, sandbox: SimulatedZype) -> Alice:
    """Alice on the page that compares the PIN good1, which her QR code filled in."""
    return signed_in.sends_the_pin_of_a_link("good1")


def set_cookies(page: Page) -> list[str]:
    return [line for line in page.headers("Set-Cookie") if line.startswith(("activate-pin=", "__Host-activate-pin="))]


@pytest.mark.parametrize("typed", ["good1", "GOOD-1", "%20good1", "go%EF%BD%8Fd1"])
def test_a_pin_in_the_address_is_moved_into_the_cookie(signed_in: Alice, typed: str) -> None:
    moved = signed_in.browser.get(f"/activate?pin={typed}", 303)

    assert moved.location == "/activate"
    page = signed_in.browser.follow(moved)
    assert page.value("#pin") == "good1"
    assert page.value("#from") == "link"
    assert "good1" not in moved.source


@each("typed", ["", "no", "a" * 300, "%00good", "%E2%80%AEgood1", "%3Cb%3Egood1%3C/b%3E"])
def test_a_damaged_pin_is_dropped_from_the_address_and_the_page_says_so(signed_in: Alice, typed: str) -> None:
    moved = signed_in.browser.get(f"/activate?pin={typed}", 303)

    assert moved.location == "/activate"
    assert set_cookies(moved) == []
    page = signed_in.browser.follow(moved)
    assert page.value("#pin") == ""
    assert "The PIN in that link is damaged" in page.text(".notice")


def test_a_damaged_link_leaves_the_pin_that_was_kept(signed_in: Alice, client: PageClient) -> None:
    for browser in (signed_in.browser, client):
        browser.get("/activate?pin=good1", 303)
        page = browser.follow(browser.get("/activate?pin=abc", 303))

        assert "The PIN in that link is damaged" in page.text(".notice")
        assert not browser.get("/activate").select(".notice"), "it is said once"
    assert signed_in.opens("/activate").page.value("#pin") == "good1"
    assert not client.get("/activate").select_one("#pin-kept").has_attr("hidden")


def test_other_parameters_are_dropped_with_it(signed_in: Alice) -> None:
    assert signed_in.browser.get("/activate?next=https://evil.example&pin=good1&utm=1", 303).location == "/activate"


def test_head_answers_as_get_does(signed_in: Alice) -> None:
    moved = signed_in.browser.send("HEAD", "/activate?pin=good1", 303)
    assert moved.location == "/activate"
    assert moved.source == ""


def test_the_pin_is_in_no_header_link_or_log(signed_in: Alice) -> None:
    with logged() as events:
        pages = [signed_in.browser.get("/activate?pin=good471147114", 303)]
        pages.append(signed_in.browser.get("/activate"))
        pages.append(signed_in.browser.submit(pages[-1], "/activate", 303))
        pages.append(signed_in.browser.follow(pages[-1]))
        pages.append(signed_in.browser.submit(pages[-1], "/activate/confirm", 303))
        pages.append(signed_in.browser.get("/activate/done"))

    assert "471147114" not in str(events)
    for page in pages:
        assert "471147114" not in str(page.headers("Location") + page.headers("Set-Cookie"))
        addresses = [tag[name] for name in ("href", "action", "src") for tag in page.select(f"[{name}]")]
        assert "471147114" not in str(addresses)


@pytest.mark.parametrize("way", ["cookie", "script"])
def test_a_filled_in_pin_is_compared_before_anything_is_linked(
    signed_in: Alice, app: Flask, sandbox: SimulatedZype, way: str
) -> None:
    tv = sandbox.tv()
    if way == "cookie":
        form = signed_in.opens(f"/activate?pin={tv.pin}", 303).page
        page = signed_in.browser.follow(signed_in.browser.submit(form, "/activate", 303))
    else:
        page = signed_in.sends_the_pin_of_a_link(tv.pin).page

    assert page.heading == COMPARE
    assert page.text(".pin-display") == tv.pin
    assert page.select_one(".pin-display")["dir"] == "ltr"
    # In another colour, so that a 0 is no O.
    assert [tag.get_text() for tag in page.select(".pin-display .digit")] == re.findall("[0-9]", tv.pin)
    buttons = [tag.get_text(strip=True) for tag in page.select(".choices button")]
    assert buttons == ["Not my TV", "Yes, link this TV"]
    assert not page.select("[name=pin]")
    assert "alice@example.com" in page.text(".account")
    assert sandbox.record() == []
    assert outcomes(app) == []


def test_its_button_links(comparing: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    page = comparing.confirms().page

    assert page.heading == "Your TV is linked"
    assert outcomes(app) == ["linked"]
    assert len(sandbox.record()) == 1
    assert cookie(comparing.browser, COOKIE) is None
    assert comparing.opens("/activate").page.value("#pin") == ""


def test_not_my_tv_forgets_the_pin_and_says_that_nothing_was_linked(comparing: Alice, sandbox: SimulatedZype) -> None:
    page = comparing.says_that_is_not_my_tv().page

    assert page.path == "/activate"
    assert page.value("#pin") == ""
    assert cookie(comparing.browser, COOKIE) is None
    assert "Nothing was linked" in page.text(".notice")
    assert "If somebody sent you the link or the PIN, don't use it" in page.text(".notice")
    assert not comparing.opens("/activate").page.select(".notice"), "it is said once"
    assert sandbox.record() == []


def test_the_pin_of_another_tab_is_compared_and_not_linked(comparing: Alice, sandbox: SimulatedZype) -> None:
    comparing.browser.get("/activate?pin=good2", 303)
    first = comparing.page

    for _ in range(2):
        page = comparing.browser.submit(first, "/activate/confirm", 422)

        assert page.heading == COMPARE
        assert page.text(".pin-display") == "good2"
        assert "This is another PIN than before" in page.summary
    assert sandbox.record() == []
    comparing.browser.submit(page, "/activate/confirm", 303)
    assert len(sandbox.record()) == 1


def test_a_stale_page_whose_pin_another_tab_replaced_says_so(comparing: Alice, sandbox: SimulatedZype) -> None:
    shown = comparing.page.value("[name=shown]")
    comparing.browser.get("/activate?pin=good2", 303)
    for path, name in (("/activate/confirm", "shown"), ("/activate/discard", "discarded")):
        page = comparing.browser.send("POST", path, 422, data={"csrf_token": "stale", name: shown})

        assert page.text(".pin-display") == "good2"
        assert "This is another PIN than before" in page.summary
    assert sandbox.record() == []


def test_not_my_tv_leaves_the_pin_of_another_tab(comparing: Alice) -> None:
    comparing.browser.get("/activate?pin=good2", 303)

    page = comparing.says_that_is_not_my_tv().page

    assert "Nothing was linked" in page.text(".notice")
    assert page.value("#pin") == "good2"


@pytest.mark.parametrize("shown", ["", "good1", "a" * 64])
def test_a_confirmation_that_shows_nothing_links_nothing(comparing: Alice, sandbox: SimulatedZype, shown: str) -> None:
    comparing.browser.submit(comparing.page, "/activate/confirm", 422, shown=shown)

    assert sandbox.record() == []


def test_the_confirmation_does_not_contain_the_pin(comparing: Alice) -> None:
    assert re.fullmatch("[0-9a-f]{64}", comparing.page.value("[name=shown]"))


def test_a_confirmation_after_the_half_hour_says_so(comparing: Alice, sandbox: SimulatedZype) -> None:
    comparison = comparing.page
    give_cookie(comparing.browser, COOKIE, "")

    page = comparing.confirms(422).page

    assert "That PIN is no longer kept here" in page.summary
    assert "scan its code again or type the PIN" in page.summary
    assert page.value("#pin") == ""
    # Without its token too, and a reload of the page.
    page = comparing.browser.submit(comparison, "/activate/confirm", 422, csrf_token="stale")
    assert "That PIN is no longer kept here" in page.summary
    page = comparing.browser.get("/activate/compare")
    assert "That PIN is no longer kept here" in page.text(".notice")
    assert sandbox.record() == []


def test_a_refresh_of_the_comparison_shows_it_again(comparing: Alice, sandbox: SimulatedZype) -> None:
    form = comparing.browser.get("/activate")
    assert form.value("#pin") == "good1"
    kept = cookie(comparing.browser, COOKIE)

    for _ in range(2):
        assert comparing.browser.submit(form, "/activate", 303).location == "/activate/compare"
        assert comparing.browser.get("/activate/compare").heading == COMPARE
    assert cookie(comparing.browser, COOKIE) == kept, "the half hour is not extended"
    assert sandbox.record() == []


def test_a_refresh_of_the_confirmation_is_the_same_success(comparing: Alice, app: Flask) -> None:
    comparison = comparing.page
    comparing.confirms()

    again = comparing.browser.submit(comparison, "/activate/confirm", 303)

    # The cookie went with the first, so there is nothing left to link.
    assert again.location == "/activate/done"
    assert outcomes(app) == ["linked"]
    # Nor does the PIN of yet another tab change what this page was about.
    comparing.browser.get("/activate?pin=good77", 303)
    assert comparing.browser.submit(comparison, "/activate/confirm", 303).location == "/activate/done"
    assert outcomes(app) == ["linked"]


# Whether a PIN was filled in is decided by the PIN that is sent, and not by how it got into the field.
CLOSE = ("zizm529", "ZIZM 529", "zizm529 ", "zizm5299", "zizm52", "zizm528", "izzm529")


def test_a_pin_close_to_the_one_of_a_link_is_compared_whatever_was_pressed(
    signed_in: Alice, sandbox: SimulatedZype
) -> None:
    for typed in CLOSE:
        signed_in.opens("/activate?pin=zizm529", 303)
        page = signed_in.types_pin(typed).page

        assert page.heading == COMPARE, typed
        assert page.text(".pin-display") == typed.replace(" ", "").lower(), typed
    for typed in CLOSE:
        signed_in.opens("/activate")
        # As the script sends it after the field was empty.
        fields = {"pin": typed, "from": "", "original": "zizm529"}
        assert signed_in.browser.submit(signed_in.page, "/activate", 303, **fields).location == "/activate/compare"
    assert sandbox.record() == []


def test_a_form_whose_mark_was_not_cleared_is_compared_whatever_was_typed(
    signed_in: Alice, sandbox: SimulatedZype
) -> None:
    signed_in.opens("/activate?pin=zizm529", 303)

    assert signed_in.browser.submit(signed_in.page, "/activate", 303, pin="good77").location == "/activate/compare"
    assert sandbox.record() == []


def test_a_pin_of_a_stale_form_stays_filled_in_after_an_edit(signed_in: Alice, sandbox: SimulatedZype) -> None:
    page = signed_in.browser.send("POST", "/activate", 422, data={"pin": "zizm529"})

    fields = {"pin": "zizm528", "from": ""}
    assert signed_in.browser.submit(page, "/activate", 303, **fields).location == "/activate/compare"
    assert sandbox.record() == []


def test_a_stale_form_with_a_character_that_can_t_be_seen_can_be_sent_again(signed_in: Alice) -> None:
    page = signed_in.browser.send("POST", "/activate", 422, data={"pin": "zizm529\x01"})

    assert signed_in.browser.submit(page, "/activate", 303).location == "/activate/compare"


def test_the_pin_of_a_link_is_remembered_through_a_refusal(signed_in: Alice, sandbox: SimulatedZype) -> None:
    page = signed_in.browser.submit(signed_in.page, "/activate", 422, pin="used77", original="zizm529")

    assert signed_in.browser.submit(page, "/activate", 303, pin="zizm52").location == "/activate/compare"
    assert len(sandbox.record()) == 1


def test_another_pin_typed_over_it_is_linked(signed_in: Alice, sandbox: SimulatedZype) -> None:
    signed_in.opens("/activate?pin=good1", 303)

    assert signed_in.types_pin("good77").page.heading == "Your TV is linked"

    assert len(sandbox.record()) == 1


def test_a_filled_in_text_that_is_no_pin_is_refused(signed_in: Alice, sandbox: SimulatedZype) -> None:
    page = signed_in.sends_the_pin_of_a_link("no", 422).page

    assert page.value("#pin") == "no"
    assert sandbox.record() == []


def test_a_refused_confirmed_pin_is_back_in_the_form(signed_in: Alice) -> None:
    page = signed_in.sends_the_pin_of_a_link("used1").confirms(422).page

    assert "PIN not found" in page.summary
    assert page.value("#pin") == "used1"
    assert page.value("#from") == "link"


@pytest.mark.parametrize("form", ["/activate/confirm", "/activate/discard"])
def test_a_stale_comparison_is_shown_again(comparing: Alice, sandbox: SimulatedZype, form: str) -> None:
    page = comparing.browser.send("POST", form, 422, data={"csrf_token": "stale"})

    assert page.heading == COMPARE
    assert page.text(".pin-display") == "good1"
    assert "This page was open for too long" in page.summary
    assert sandbox.record() == []
    assert comparing.browser.submit(page, "/activate/confirm", 303).location == "/activate/done"


@pytest.mark.parametrize("path", ["/activate/confirm", "/activate/discard"])
def test_without_a_session_the_comparison_asks_to_sign_in(
    client: PageClient, sandbox: SimulatedZype, path: str
) -> None:
    client.get("/activate?pin=good1", 303)

    assert client.send("POST", path, 303).location == "/activate"
    assert client.get("/activate").heading == "Sign in to link your TV"
    assert sandbox.record() == []


def test_no_get_links(signed_in: Alice, app: Flask, sandbox: SimulatedZype) -> None:
    rules = [rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and "<" not in rule.rule]
    assert "/activate/done" in rules
    signed_in.opens("/activate?pin=good1", 303)

    for rule in rules:
        for query in ("", "?pin=good1", "?pin=good1&from=&shown=x&attempt=x&confirm=1"):
            signed_in.browser.transport.send("GET", rule + query, {}, {})
    for rule in ("/activate/confirm", "/activate/undo", "/activate/discard", "/sign-out"):
        signed_in.browser.get(f"{rule}?pin=good1", 303)

    assert sandbox.record() == []
    assert outcomes(app) == []


def test_a_pin_is_never_linked_for_somebody_else(signed_in: Alice, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    form = signed_in.opens("/activate").page
    signed_in.browser.submit(form, "/activate", 303, pin=tv.pin)

    assert {call["consumer_id"] for call in sandbox.record()} == {seed.ALICE.id}
