"""Windows of a real browser that fail their test at any error, and at any request to elsewhere."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.harness.chromium import Watch

PATIENCE_MILLISECONDS = 10_000


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a maker of windows, each with cookies of its own: ``open_window(360, 740, color_scheme="dark")``."""
    opened: list[tuple[BrowserContext, Watch]] = []

    def make(width: int, height: int, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **{"locale": "en", **options})
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        opened.append((context, Watch(context)))
        return context.new_page()

    yield make
    for context, _ in opened:
        context.close()
    faults = [fault for _, watch in opened for fault in watch.faults()]
    assert not faults, "\n".join(faults)


@pytest.fixture
def phone(open_window: Callable[..., Page]) -> Page:
    """A window of a small phone's size, operated by touch."""
    return open_window(360, 740, has_touch=True, is_mobile=True, device_scale_factor=2)


@pytest.fixture
def desktop(open_window: Callable[..., Page]) -> Page:
    """A window of a laptop's size; a TV's page fits there too."""
    return open_window(1280, 800)
