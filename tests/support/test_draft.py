"""What an agent typed survives the end of their session, for the same agent and page alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from tests.fixtures import services_of
from tests.harness.internals import cookie, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff
from tests.support.conftest import UNLINK_WHY, VIEWER, WHY, Bob

COOKIE = "activate-staff-draft"
LINK = f"{VIEWER}/link"
LATE = timedelta(minutes=31)


def sent_late(bob: Bob, path: str, **fields: str | None) -> Page:
    """Open a page with a form, and send the form after half an hour without a request."""
    page = bob.opens(path).page
    with time_machine.travel(datetime.now(UTC) + LATE, tick=True):
        return bob.browser.submit(page, path, 303, **fields)


def shown_after_sign_in(bob: Bob, app: Flask, path: str, agent: str = "bob") -> Page:
    """Sign in again at that time, find the viewer once more, and open the page."""
    with time_machine.travel(datetime.now(UTC) + LATE, tick=True):
        sign_in_staff(app, bob.browser, agent)
        bob.finds("alice@example.com")
        return bob.browser.get(path)


def test_reason_details_ticket_and_pin_are_there_again(bob: Bob, app: Flask, sandbox: SimulatedZype) -> None:
    answer = sent_late(bob, LINK, **WHY, pin="Good-1")

    assert answer.location == f"/support/sign-in?next={LINK}"
    assert not [text for text in (WHY["details"], "Good-1") if text in str(answer.all_headers)]
    page = shown_after_sign_in(bob, app, LINK)
    assert page.value("#pin") == "Good-1"
    assert page.value("#reason option[selected]") == WHY["reason"]
    assert page.text("#details") == WHY["details"]
    assert page.value("#ticket") == WHY["ticket"]
    # Whoever calls now has to be checked again.
    assert not page.select_one("#identity_checked").has_attr("checked")
    assert sandbox.record() == []


def test_the_form_of_the_comparison_comes_back_as_the_form_to_link(bob: Bob, app: Flask) -> None:
    page = bob.enters("good1").page
    with time_machine.travel(datetime.now(UTC) + LATE, tick=True):
        answer = bob.browser.submit(page, f"{LINK}/confirm", 303, button="Yes, link this TV")

    assert answer.location == f"/support/sign-in?next={LINK}", "no page is at the address of the answer"
    assert shown_after_sign_in(bob, app, LINK).text("#details") == WHY["details"]


def test_another_agent_and_another_page_do_not_get_it(bob: Bob, app: Flask) -> None:
    bob.has_linked("good9")
    sent_late(bob, LINK, **WHY, pin="good1")

    assert shown_after_sign_in(bob, app, LINK, "newcomer").text("#details") == ""
    assert shown_after_sign_in(bob, app, f"{VIEWER}/unlink-all").text("#details") == ""
    assert shown_after_sign_in(bob, app, LINK).text("#details") == WHY["details"]


def test_it_is_kept_for_half_an_hour(bob: Bob, app: Flask) -> None:
    sent_late(bob, LINK, **WHY, pin="good1")

    with time_machine.travel(datetime.now(UTC) + LATE, tick=True):
        assert shown_after_sign_in(bob, app, LINK).text("#details") == ""


def test_what_was_typed_to_find_or_to_unlink_is_kept_too(bob: Bob, app: Flask) -> None:
    bob.has_linked("good9")
    answer = sent_late(bob, "/support", who="alice@example.com")
    assert answer.location == "/support/sign-in?next=/support"
    assert "alice" not in str(answer.all_headers)
    with time_machine.travel(datetime.now(UTC) + LATE, tick=True):
        sign_in_staff(app, bob.browser)
        assert bob.browser.get("/support").value("#who") == "alice@example.com"

    sign_in_staff(app, bob.browser)
    bob.finds("alice@example.com")
    sent_late(bob, f"{VIEWER}/unlink-all", **UNLINK_WHY)
    assert shown_after_sign_in(bob, app, f"{VIEWER}/unlink-all").text("#details") == UNLINK_WHY["details"]


def test_a_sign_in_that_is_too_old_keeps_it_too(bob: Bob, app: Flask) -> None:
    page = bob.has_linked("good9").opens(f"{VIEWER}/unlink-all").page
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6), tick=True):
        answer = bob.browser.submit(page, f"{VIEWER}/unlink-all", 303, **UNLINK_WHY)
        assert (answer.location or "").endswith("&again=1")

        sign_in_staff(app, bob.browser)

        assert bob.browser.get(f"{VIEWER}/unlink-all").text("#details") == UNLINK_WHY["details"]


@pytest.mark.parametrize("how", ["linked", "signed out"])
def test_it_is_gone_on_link_and_on_sign_out(bob: Bob, app: Flask, how: str) -> None:
    sent_late(bob, LINK, **WHY, pin="good1")
    assert cookie(bob.browser, COOKIE)

    sign_in_staff(app, bob.browser)
    if how == "linked":
        bob.opens("/support").links("good2")
    else:
        bob.browser.submit(bob.browser.get("/support"), "/support/sign-out", 303)

    assert cookie(bob.browser, COOKIE) is None


def test_a_browser_without_an_agents_session_keeps_nothing(
    bob: Bob, app: Flask, browse: Callable[..., PageClient]
) -> None:
    page = bob.opens(LINK).page
    services_of(app).agents.end_sessions("bob")
    assert session_rows(app) == []

    for browser in (bob.browser, browse(app)):
        token = str(browser.get("/activate").select("[name=csrf_token]")[0]["value"])
        answer = browser.send("POST", LINK, 303, data={**WHY, "pin": "good1", "csrf_token": token})
        assert not [line for line in answer.headers("Set-Cookie") if "draft" in line], page


def test_no_password_and_no_long_text_is_kept(bob: Bob, app: Flask) -> None:
    sent_late(bob, LINK, **WHY | {"details": "\U0001f4fa" * 3_000, "ticket": "T" * 3_000}, pin="good1")

    assert len(cookie(bob.browser, COOKIE) or "") < 4000
    assert set(shown_after_sign_in(bob, app, LINK).text("#details")) == {"\U0001f4fa"}


def test_the_language_switch_carries_along_what_was_typed(bob: Bob, app: Flask) -> None:
    page = bob.opens(LINK).page
    answer = bob.browser.submit(page, "/language", 303, button="Deutsch", **WHY, pin="Good-1")

    assert answer.location == LINK
    assert cookie(bob.browser, "activate-pin") is None, "that of viewers"
    shown = bob.browser.follow(answer)
    assert (shown.value("#pin"), shown.text("#details")) == ("Good-1", WHY["details"])
    assert shown.select_one("html")["lang"] == "de"

    found = bob.browser.submit(bob.browser.get("/support"), "/language", 303, button="English", who="alice@example.com")
    search = bob.browser.follow(found)
    assert search.value("#who") == "alice@example.com"
    bob.browser.submit(search, "/support", 303)
    assert bob.browser.get("/support").value("#who") == ""
