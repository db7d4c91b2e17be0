"""The TV and the sign-in page in Chromium: what they show, and that no PIN is in a URL."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from portal.sandbox import seed
from portal.sandbox.server import serve_in_thread
from tests.harness.windows import OpenWindow
from tests.sandbox.conftest import APP_KEY, CLIENT_ID, PORTAL, Calls

CALLBACK = f"{PORTAL}/sign-in/code/callback"
SHOWN = "#pin:visible"
# Milliseconds, more than the TV waits between two looks: for its link, and then for the end of it.
POLL, WATCH = 6_000, 72_000


@pytest.fixture
def tab(open_window: OpenWindow) -> Page:
    """A tab without errors, whose clock a test can move past the TV's polls."""
    return open_window(1280, 720, has_clock=True)


@pytest.fixture
def live_app(make_app: Callable[..., Flask]) -> Flask:
    """A sandbox with the real clock, as the browser has."""
    return make_app()


def test_it_shows_a_pin_and_greets_the_viewer_until_it_is_unlinked(live_app: Flask, tab: Page) -> None:
    urls: list[str] = []
    tab.on("request", lambda request: urls.append(request.url))
    calls = Calls(live_app.test_client())
    with serve_in_thread(live_app) as url:
        tab.goto(f"{url}/tv")
        pin = tab.inner_text(SHOWN)
        assert tab.inner_text("#url") == "127.0.0.1:8000/activate"
        assert tab.get_attribute("#qr a", "href") == f"{PORTAL}/activate#pin={pin}"
        expect(tab.locator("#qr a svg path")).to_be_visible()
        expect(tab.locator("#life")).to_have_text("The PIN works for 30 minutes.")
        tab.reload()
        assert tab.inner_text(SHOWN) == pin

        calls.link(pin)
        tab.clock.fast_forward(POLL)
        expect(tab.locator("#greeting")).to_have_text("Hello, Alice")
        expect(tab.locator("#greeting [translate=no]")).to_have_text("Alice")
        expect(tab.locator("#waiting")).to_be_hidden()
        tab.reload()
        expect(tab.locator("#greeting")).to_have_text("Hello, Alice")

        calls.unlink(pin)
        tab.clock.fast_forward(WATCH)
        expect(tab.locator("#notice")).to_have_text("This TV was unlinked.")
        expect(tab.locator(SHOWN)).not_to_have_text(pin)
        expect(tab.locator("#home")).to_be_hidden()
        assert not [url for url in urls if pin in url]
        tab.goto("about:blank")


def test_it_makes_the_calls_of_another_app_and_lists_them_without_secrets(live_app: Flask, tab: Page) -> None:
    calls = Calls(live_app.test_client())
    sent = {
        "roku": ("POST /pin/acquire/", "type=roku", "GET /pin/status/?"),
        "tizen": ("POST /pin/acquire ", "app_key=…", "GET /pin/status?"),
        "fire": ("POST /pin/acquire?", "type=aftv", "GET /oauth/token/info/?access_token=…"),
    }
    with serve_in_thread(live_app) as url:
        for app, parts in sent.items():
            tab.goto(f"{url}/tv?app={app}")
            pin = tab.inner_text(SHOWN)
            calls.link(pin)
            tab.clock.fast_forward(POLL)
            expect(tab.locator("#greeting")).to_have_text("Hello, Alice")
            listed = tab.inner_text("#calls")
            assert [part for part in parts if part not in listed] == []
            assert pin not in listed
            assert APP_KEY not in listed
        tab.goto("about:blank")


def test_the_living_room_has_a_tv_of_each_app(live_app: Flask, tab: Page) -> None:
    with serve_in_thread(live_app) as url:
        tab.goto(f"{url}/living-room")
        pins = {tab.frame_locator(f"iframe >> nth={n}").locator(SHOWN).inner_text() for n in range(4)}
        assert len(pins) == 4
        tab.goto("about:blank")


def test_each_tab_is_another_tv_and_so_is_a_restarted_one(live_app: Flask, tab: Page) -> None:
    with serve_in_thread(live_app) as url:
        tab.goto(f"{url}/tv")
        first = tab.inner_text(SHOWN)
        other = tab.context.new_page()
        other.goto(f"{url}/tv")
        assert other.inner_text(SHOWN) != first
        other.close()
        tab.click("#restart")
        expect(tab.locator("#pin")).not_to_have_text(first)
        tab.goto("about:blank")


def test_the_pin_fits_on_the_screen(live_app: Flask, tab: Page) -> None:
    with serve_in_thread(live_app) as url:
        tab.goto(f"{url}/tv")
        tab.wait_for_selector(SHOWN)
        for width in (1280, 320):
            tab.set_viewport_size({"width": width, "height": 720})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.goto("about:blank")


def test_the_sign_in_page_leads_back_to_the_portal(live_app: Flask, tab: Page) -> None:
    query = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "code_challenge": "a" * 43,
        "code_challenge_method": "S256",
    }
    with serve_in_thread(live_app) as url:
        for button, answer in (("Sign in", "code="), ("Cancel", "error=access_denied")):
            tab.goto(f"{url}/oauth/authorize?{urlencode(query)}")
            if button == "Sign in":
                tab.get_by_label("Email").fill(seed.ALICE.email)
                tab.get_by_label("Password").fill(seed.ALICE.password)
            # Nothing is served there: the request shows where the redirect leads.
            start = f"{CALLBACK}?{answer}"
            with tab.expect_request(lambda request, start=start: request.url.startswith(start)):
                tab.get_by_role("button", name=button).click()
            tab.wait_for_url("chrome-error://**")
        tab.goto("about:blank")
