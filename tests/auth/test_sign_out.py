"""Signing out, and "Not you?": a POST that deletes the row of the session."""

import pytest
from flask import Flask

from tests.cast import Alice, Mallory
from tests.inside import cookie, give_cookie, session_rows
from tests.page import PageClient
from tests.simulated_zype import SimulatedZype

PIN = "activate-pin"


@pytest.fixture
def with_pin(alice: Alice) -> Alice:
    """Alice, signed in, with the PIN of a link in her cookie."""
    return alice.signs_in().opens("/activate?pin=good1", 303)


def test_it_deletes_the_row_and_the_pin(with_pin: Alice, app: Flask) -> None:
    assert len(session_rows(app)) == 1

    page = with_pin.signs_out().page

    assert (page.path, page.heading) == ("/activate", "Sign in to link your TV")
    assert session_rows(app) == []
    assert cookie(with_pin.browser, PIN) is None


def test_not_you_deletes_the_row_and_keeps_the_pin(with_pin: Alice, mallory: Mallory, app: Flask) -> None:
    page = with_pin.says_that_is_not_me().page

    assert session_rows(app) == []
    assert not page.select_one("#pin-kept").has_attr("hidden")
    mallory.browser = with_pin.browser
    page = mallory.signs_in().page
    assert page.value("#pin") == "good1"
    assert "mallory@example.com" in page.text(".account")


def test_not_you_leaves_the_pin_of_the_script_too(with_pin: Alice) -> None:
    forms = {form["action"]: form for form in with_pin.page.select("form[data-forget-pin]")}
    assert "/sign-out" in forms
    assert not with_pin.page.select(".account form[data-forget-pin]")


def test_not_you_is_on_the_comparison_too(with_pin: Alice, sandbox: SimulatedZype) -> None:
    page = with_pin.sends_the_pin_of_a_link("good1").says_that_is_not_me().page

    assert page.heading == "Sign in to link your TV"
    assert cookie(with_pin.browser, PIN) is not None
    assert sandbox.record() == []


def test_a_copy_of_the_old_cookie_opens_nothing(with_pin: Alice) -> None:
    copied = cookie(with_pin.browser, "activate") or ""
    with_pin.signs_out()
    give_cookie(with_pin.browser, "activate", copied)

    assert with_pin.browser.get("/activate").heading == "Sign in to link your TV"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_nothing_but_a_post_signs_out(with_pin: Alice, app: Flask, method: str) -> None:
    answer = with_pin.browser.send(method, "/sign-out", 405)

    assert set(answer.header("Allow").replace(" ", "").split(",")) == {"POST", "OPTIONS"}
    assert len(session_rows(app)) == 1


def test_another_site_can_sign_nobody_out(with_pin: Alice, app: Flask) -> None:
    page = with_pin.browser.send("POST", "/sign-out", 400)

    assert page.heading == "This page was open for too long"
    assert len(session_rows(app)) == 1


def test_without_a_session_it_leads_to_the_first_page(client: PageClient, alice: Alice) -> None:
    alice.signs_in()
    form = alice.page
    alice.signs_out()
    # From another tab, that still shows the button.
    alice.browser.submit(form, ".site-header form", 400)

    assert client.get("/activate").heading == "Sign in to link your TV"


def test_signing_out_in_one_browser_leaves_the_others(alice: Alice, mallory: Mallory, app: Flask) -> None:
    alice.signs_in()
    mallory.signs_in()

    alice.signs_out()

    assert [row["email"] for row in session_rows(app)] == ["mallory@example.com"]
    assert mallory.opens("/activate").page.heading == "Link your TV"
