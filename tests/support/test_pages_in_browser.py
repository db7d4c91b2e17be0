"""Every page of the console, at the sizes and in the colours of agents: it fits, and can be read and pressed."""

from collections.abc import Iterator

from playwright.sync_api import Page

from portal.sandbox import seed
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.visual_checks import AppearanceCheck
from tests.support.conftest import VIEWER


def press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def says_why(page: Page, reason: str) -> None:
    page.get_by_label("Reason").select_option(reason)
    page.get_by_label("What happened").fill("Her remote has no letters left on it.")
    page.get_by_label("I have checked the caller's identity").check()


def pages(page: Page, origin: str) -> Iterator[str]:
    """Lead an agent through every page, and yield its name while it is open."""
    page.goto(f"{origin}/support")
    yield "find"
    page.get_by_label("E-mail or consumer id").fill("nobody@example.com")
    press(page, "Find")
    yield "nobody found"
    page.get_by_label("E-mail or consumer id").fill(seed.ALICE.email)
    press(page, "Find")
    yield "viewer"
    page.get_by_role("link", name="Link a TV").click()
    page.wait_for_url("**/link")
    yield "link"
    page.get_by_label("PIN from the caller's TV").fill("used1")
    press(page, "Read the PIN back")
    yield "something is missing"
    says_why(page, "no_hands")
    press(page, "Read the PIN back")
    yield "read back"
    press(page, "Yes, link this TV")
    yield "not found"
    page.get_by_label("PIN from the caller's TV").fill("sticky1")
    press(page, "Read the PIN back")
    press(page, "Yes, link this TV")
    yield "linked"
    press(page, "Undo")
    yield "not undone"
    page.goto(f"{origin}{VIEWER}")
    yield "viewer with TVs"
    page.get_by_role("link", name="Unlink TV 1").click()
    page.wait_for_url("**/unlink")
    yield "unlink"
    page.goto(f"{origin}{VIEWER}/unlink-all")
    yield "unlink all"
    says_why(page, "gone")
    press(page, "Unlink all TVs")
    yield "some unlinked"


def test_every_page_fits_and_can_be_read_and_pressed(
    console_window: Page, live: str, alice: Alice, sandbox: SimulatedZype
) -> None:
    alice.signs_in().types_pin(sandbox.tv().pin)
    check = AppearanceCheck(console_window)
    for name in pages(console_window, live):
        check(name)


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
