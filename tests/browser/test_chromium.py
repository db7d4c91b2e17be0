"""The browser windows find the faults that must fail a test, and come back empty to the next one."""

import re

import pytest
from flask import Flask
from playwright.sync_api import Browser

from tests.harness.servers import Port, serving
from tests.harness.windows import Windows

GOOD = "<!DOCTYPE html><html lang=en><title>Good</title><link rel=icon href=data:,><h1>Good</h1>"
# Each page, with what must be found on it.
PAGES = {
    "/good": None,
    "/failed": None,
    "/throws": "error in a script: .*undefinedName",
    "/complains": "no",
    "/misses": "404",
    "/leaks": "a request to 192.0.2.1",
}


def site() -> Flask:
    app = Flask(__name__)

    def add(path: str, text: str, status: int = 200) -> None:
        app.add_url_rule(path, path, lambda: (text, status))

    add("/good", GOOD)
    add("/failed", GOOD, 422)
    add("/throws", f"{GOOD}<script>undefinedName()</script>")
    add("/complains", f"{GOOD}<script>console.error('no')</script>")
    add("/misses", f"{GOOD}<img alt='' src='/nothing.png'>")
    add("/leaks", f"{GOOD}<img alt='' src='http://192.0.2.1/x.png'>")
    return app


@pytest.fixture
def own_windows(browser: Browser) -> Windows:
    """Windows that no other test has used."""
    return Windows(browser)


def test_each_fault_of_a_page_is_found_and_none_is_left_for_the_next(own_windows: Windows, port: Port) -> None:
    with serving(site(), port) as origin:
        for path, fault in PAGES.items():
            found = ""
            try:
                with own_windows.opening() as open_window:
                    page = open_window(360, 740)
                    page.goto(f"{origin}{path}", wait_until="load")
            except AssertionError as error:
                found = str(error)
            assert re.search(fault, found) if fault else not found, (path, found)


def test_a_window_comes_back_empty(own_windows: Windows, port: Port) -> None:
    with serving(site(), port) as origin:
        with own_windows.opening() as open_window:
            first = open_window(360, 740)
            first.goto(f"{origin}/good")
            first.context.new_page()
            first.context.add_cookies([{"name": "sid", "value": "1", "url": origin}])
            first.evaluate("sessionStorage.setItem('pin', '1')")
            first.emulate_media(color_scheme="dark")
        with own_windows.opening() as open_window:
            again = open_window(1280, 800)
            again.goto(f"{origin}/good")

            assert again is first
            assert again.context.pages == [again]
            assert again.context.cookies() == []
            assert again.evaluate("sessionStorage.length") == 0
            assert not again.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
            assert again.evaluate("innerWidth") == 1280
            assert open_window(360, 740, is_shared=False) is not first
