"""The browser windows find the faults that must fail a test."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.harness.chromium import Watch
from tests.harness.servers import Port, serving

GOOD = "<!DOCTYPE html><html lang=en><title>Good</title><link rel=icon href=data:,><h1>Good</h1>"


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
def faults_of(browser: Browser, port: Port) -> Callable[[str], list[str]]:
    def visit(path: str) -> list[str]:
        context = browser.new_context()
        watch = Watch(context)
        with serving(site(), port) as origin:
            page = context.new_page()
            page.goto(f"{origin}{path}", wait_until="load")
            page.evaluate("1")
            context.close()
        return watch.faults()

    return visit


@pytest.mark.parametrize("path", ["/good", "/failed"])
def test_a_page_without_faults_passes(faults_of: Callable[[str], list[str]], path: str) -> None:
    assert faults_of(path) == []


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/throws", "error in a script: .*undefinedName"),
        ("/complains", "no"),
        ("/misses", "404"),
        ("/leaks", "a request to 192.0.2.1"),
    ],
)
def test_a_fault_of_a_page_is_found(faults_of: Callable[[str], list[str]], path: str, fault: str) -> None:
    seen = "\n".join(faults_of(path))
    assert re.search(fault, seen), seen


def test_a_phone_opens_the_portal(phone: Page, live: str) -> None:
    phone.goto(f"{live}/activate")
    assert phone.locator("h1").inner_text() == "Sign in to link your TV"
    assert phone.viewport_size == {"width": 360, "height": 740}


def test_a_desktop_opens_the_portal(desktop: Page, live: str) -> None:
    desktop.goto(f"{live}/activate")
    assert desktop.title().startswith("Sign in to link your TV")
