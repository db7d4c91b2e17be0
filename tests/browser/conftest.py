"""Windows of a real browser. A test fails on any error in them, and on any request to another host."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page

from tests.harness.chromium import Watch
from tests.harness.internals import cookie
from tests.harness.people import Alice
from tests.harness.viewers import begin_session

TIMEOUT_MILLISECONDS = 10_000


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a window with its own cookies: ``open_window(360, 740, color_scheme="dark")``."""
    opened: list[tuple[BrowserContext, Watch]] = []

    def make(width: int, height: int, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **{"locale": "en", **options})
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        opened.append((context, Watch(context)))
        return context.new_page()

    yield make
    for context, _ in opened:
        context.close()
    faults = [fault for _, watch in opened for fault in watch.faults()]
    assert not faults, "\n".join(faults)


@pytest.fixture
def phone(open_window: Callable[..., Page]) -> Page:
    """A window the size of a small phone, with touch."""
    return open_window(360, 740, has_touch=True, is_mobile=True, device_scale_factor=2)


@pytest.fixture
def desktop(open_window: Callable[..., Page]) -> Page:
    """A window the size of a laptop; the TV's page is shown in it too."""
    return open_window(1280, 800)


@pytest.fixture
def give_session(app: Flask, alice: Alice, live: str) -> Callable[[Page], None]:
    """Return a function that gives a window the session of Alice, for tests whose subject is not the sign-in."""

    def give(window: Page) -> None:
        begin_session(app, alice)
        name = app.config["SESSION_COOKIE_NAME"]
        window.context.add_cookies([{"name": name, "value": cookie(alice.browser, name) or "", "url": live}])

    return give
