"""The bar with the name of the viewer in a real browser: it stays in sight, and hides nothing that has the focus."""

from playwright.sync_api import Page

from tests.support.conftest import VIEWER


def test_the_viewer_bar_stays_visible(console_window: Page, live: str) -> None:
    console_window.set_viewport_size({"width": 360, "height": 500})
    console_window.goto(f"{live}{VIEWER}/link")
    for _ in range(6):
        console_window.keyboard.press("Tab")
        bar = console_window.locator(".viewer-bar").bounding_box()
        focused = console_window.locator(":focus").bounding_box()
        assert bar is not None
        assert focused is not None
        assert 0 <= bar["y"] <= 500 - bar["height"]
        assert focused["y"] >= bar["y"] + bar["height"] or focused["y"] + focused["height"] <= bar["y"]
