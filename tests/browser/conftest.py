"""What tests of the browser share: windows of two sizes, and a viewer's session in them."""

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.harness.internals import cookie
from tests.harness.people import Alice
from tests.harness.viewers import begin_session
from tests.harness.windows import OpenWindow


@pytest.fixture
def phone(open_window: OpenWindow) -> Page:
    """A window the size of a small phone, with touch."""
    return open_window(360, 740, has_touch=True, is_mobile=True, device_scale_factor=2)


@pytest.fixture
def desktop(open_window: OpenWindow) -> Page:
    """A window the size of a laptop."""
    return open_window(1280, 800)


@pytest.fixture
def give_session(app: Flask, alice: Alice, live: str) -> Callable[[Page], None]:
    """Return a function that gives a window the session of Alice, for tests whose subject is not the sign-in."""

    def give(window: Page) -> None:
        begin_session(app, alice)
        name = app.config["SESSION_COOKIE_NAME"]
        window.context.add_cookies([{"name": name, "value": cookie(alice.browser, name) or "", "url": live}])

    return give
