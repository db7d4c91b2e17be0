"""The PIN read back: large and spelled, in no field and no address, for this viewer and this agent alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import time_machine
from flask import Flask

from portal.sandbox import seed
from tests.harness.cases import each
from tests.harness.internals import cookie, give_cookie, outcomes
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff
from tests.support.conftest import VIEWER, WHY, Bob

COOKIE = "activate-staff-pin"
CONFIRM = f"{VIEWER}/link/confirm"


def set_cookies(page: Page) -> list[str]:
    return [line for line in page.headers("Set-Cookie") if "activate-staff-pin=" in line]


def test_it_shows_the_account_and_the_spelled_pin(bob: Bob, sandbox: SimulatedZype) -> None:
    page = bob.enters(" ZIZM-529 ").page

    assert page.heading == "Read this PIN to the caller"
    assert page.text(".viewer-bar") == "Alice alice@example.com"
    assert page.text(".pin-display") == "zizm529"
    assert page.text(".spelling") == "zulu-india-zulu-mike-five-two-nine"
    assert sandbox.record() == []


def test_capitals_are_spelled_out_if_case_matters(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(pin_case="keep", pin_pattern="[A-Za-z0-9]{4,16}")
    bob = Bob(browse(app))
    sign_in_staff(app, bob.browser)

    assert bob.enters("aBc1").page.text(".spelling") == "alfa-capital bravo-charlie-one"


def test_the_pin_is_in_an_encrypted_cookie_and_in_no_field(bob: Bob) -> None:
    page = bob.enters("zizm529").page

    (line,) = set_cookies(page)
    assert "zizm529" not in line
    assert {"HttpOnly", "SameSite=Lax", "Max-Age=1800", "Path=/"} <= set(line.split("; "))
    assert not [tag for tag in page.select("input, button, a, form") if "zizm529" in str(tag)]
    assert not page.select("[name=pin]")


def test_with_https_only_this_host_may_set_the_cookie(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(public_url="https://tv.example.com")
    bob = Bob(browse(app))
    sign_in_staff(app, bob.browser)

    (line,) = set_cookies(bob.enters("zizm529").page)

    assert line.startswith("__Host-activate-staff-pin=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))


def test_it_is_gone_once_the_tv_is_linked(bob: Bob) -> None:
    bob.links("good1")

    assert cookie(bob.browser, COOKIE) is None


def test_it_is_gone_once_the_agent_signs_out(bob: Bob) -> None:
    bob.enters("good1")
    kept = cookie(bob.browser, COOKIE)

    bob.browser.submit(bob.page, "/support/sign-out", 303)

    assert kept
    assert cookie(bob.browser, COOKIE) is None


def test_no_leads_back_to_the_form_with_its_fields(bob: Bob, sandbox: SimulatedZype) -> None:
    page = bob.enters("good1").confirms_link(200, "change").page

    assert page.heading == "Link a TV for a viewer"
    assert page.value("#pin") == "good1"
    assert page.text("#details") == WHY["details"]
    assert page.value("#ticket") == WHY["ticket"]
    assert page.select_one("#identity_checked").has_attr("checked")
    assert page.text(".viewer-bar") == "Alice alice@example.com"
    assert sandbox.record() == []


def test_the_pin_of_another_tab_is_shown_before_it_is_linked(bob: Bob, sandbox: SimulatedZype) -> None:
    first = bob.enters("good1").page
    bob.opens(f"{VIEWER}/link").enters("good2")

    page = bob.browser.submit(first, CONFIRM, 200, button="Yes, link this TV")

    assert page.text(".pin-display") == "good2"
    assert "This is another PIN than before" in page.text(".notice")
    assert sandbox.record() == []
    bob.browser.submit(page, CONFIRM, 303, button="Yes, link this TV")
    assert len(sandbox.record()) == 1


def test_the_tab_of_another_viewer_can_t_read_the_pin(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    page = bob.enters("good1").page
    token = page.value(f'form[action="{CONFIRM}"] [name=csrf_token]')
    mallory = f"/support/viewers/{seed.MALLORY.id}/link/confirm"
    sent = {**WHY, "csrf_token": token, "shown": page.value("[name=shown]"), "answer": "link"}

    answer = bob.browser.send("POST", mallory, 422, data=sent)

    assert answer.value("#pin") == ""
    assert sandbox.record() == []
    assert outcomes(app) == []


def test_another_agent_in_the_same_browser_can_t_read_the_pin(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    page = bob.enters("good1").page
    sign_in_staff(app, bob.browser, "newcomer")

    answer = bob.browser.submit(page, CONFIRM, 422, button="Yes, link this TV")

    assert answer.value("#pin") == ""
    assert sandbox.record() == []


def test_the_pin_cookies_of_viewer_and_agent_are_separate(bob: Bob, alice: Alice) -> None:
    staff = cookie(bob.enters("good1").browser, COOKIE) or ""
    viewers = cookie(alice.signs_in().opens("/activate?pin=good1", 303).browser, "activate-pin") or ""
    give_cookie(alice.browser, "activate-pin", staff)
    give_cookie(bob.browser, COOKIE, viewers)

    assert alice.browser.get("/activate").value("#pin") == ""
    bob.confirms_link(422)


@each("value", ["", "rubbish", "ä", "a" * 4000])
def test_without_a_cookie_of_ours_the_pin_is_asked_for_again(bob: Bob, sandbox: SimulatedZype, value: str) -> None:
    bob.enters("good1")
    give_cookie(bob.browser, COOKIE, value)

    page = bob.confirms_link(422).page

    assert "This page was open for too long" in page.summary
    assert page.text("#details") == WHY["details"]
    assert page.value("#pin") == ""
    assert sandbox.record() == []


def test_after_half_an_hour_the_pin_is_asked_for_again(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    bob.enters("good1")
    value = cookie(bob.browser, COOKIE) or ""
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=31), tick=True):
        sign_in_staff(app, bob.browser)
        give_cookie(bob.browser, COOKIE, value)
        bob.confirms_link(422)

    assert sandbox.record() == []


@each(
    "name, value",
    [
        ("reason", "anything"),
        ("details", "short"),
        ("details", "The TV says g-o-o-d-1."),
        ("ticket", "no ticket"),
        ("ticket", "GOOD1"),
        ("identity_checked", ""),
    ],
)
def test_the_confirmed_fields_are_validated_again(
    bob: Bob, app: Flask, sandbox: SimulatedZype, name: str, value: str
) -> None:
    page = bob.enters("good1").page

    again = bob.browser.submit(page, CONFIRM, 422, button="Yes, link this TV", **{name: value})

    assert again.value("#pin") == "good1"
    assert again.select(f"#{name}-error")
    assert sandbox.record() == []
    assert outcomes(app) == []


def test_pressed_twice_it_is_one_success(bob: Bob, sandbox: SimulatedZype) -> None:
    page = bob.enters("good1").page
    value = cookie(bob.browser, COOKIE) or ""
    for _ in range(2):
        give_cookie(bob.browser, COOKIE, value)
        answer = bob.browser.submit(page, CONFIRM, 303, button="Yes, link this TV")
        assert bob.browser.follow(answer).heading == "The TV is linked"


def test_a_stale_form_comes_back_with_the_pin_and_links_nothing(bob: Bob, sandbox: SimulatedZype) -> None:
    page = bob.enters("good1").page
    sent = {**WHY, "csrf_token": "stale", "shown": page.value("[name=shown]"), "caller": page.value("[name=caller]")}

    again = bob.browser.send("POST", CONFIRM, 422, data=sent)

    assert "This page was open for too long" in again.summary
    assert again.value("#pin") == "good1"
    assert again.text(".viewer-bar") == "Alice alice@example.com"
    assert sandbox.record() == []


def test_a_get_links_nothing(bob: Bob, sandbox: SimulatedZype) -> None:
    bob.enters("good1").opens(CONFIRM, 303)

    assert "/pin/link" not in [call["path"] for call in sandbox.record()]
