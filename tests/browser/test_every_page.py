"""Every page, at common sizes and in both colour schemes: it fits, is small, and is accessible."""

import gzip
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from portal.sandbox import seed
from tests.harness.visual_checks import PHONE, AppearanceCheck

# What fits into the first round trip of a connection.
MOST_BYTES = 14 * 1024


def press(page: Page, name: str) -> None:
    """Press a button, and wait for the next page."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def pages(page: Page, origin: str) -> Iterator[str]:
    """Go through the pages of /activate as a viewer, and yield the name of each while it is open."""
    page.goto(f"{origin}/activate")
    yield "sign in"
    page.get_by_label("E-mail").fill(seed.ALICE.email)
    page.get_by_label("Password").fill("wrong")
    press(page, "Sign in")
    yield "sign in failed"
    page.get_by_label("Password").fill(seed.ALICE.password)
    press(page, "Sign in")
    yield "enter the PIN"
    for pin in ("used", "refused", "x", "http503", "http500"):
        page.get_by_label("PIN from your TV").fill(pin)
        press(page, "Link my TV")
        expect(page.locator(".error-summary")).to_be_visible()
        yield f"answer to {pin}"
    page.goto(f"{origin}/activate?pin=good7777")
    yield "prefilled"
    press(page, "Link my TV")
    yield "compare"
    press(page, "Yes, link this TV")
    yield "done"
    press(page, "Undo")
    yield "undone"
    page.goto(f"{origin}/no-such-page")
    yield "not found"


def pages_of_tvs(page: Page, origin: str) -> Iterator[str]:
    """Sign in, and go through the pages of /devices."""
    page.goto(f"{origin}/sign-in?next=/devices")
    page.get_by_label("E-mail").fill(seed.ALICE.email)
    page.get_by_label("Password").fill(seed.ALICE.password)
    press(page, "Sign in")
    yield "no TV"
    for pin in ("good7778", "sticky7779"):
        page.goto(f"{origin}/activate")
        page.get_by_label("PIN from your TV").fill(pin)
        press(page, "Link my TV")
    # A name without a space can't wrap.
    page.get_by_label("Give this TV a name").fill("W" * 41)
    press(page, "Save the name")
    yield "name refused"
    page.get_by_label("Name of this TV").fill("W" * 40)
    press(page, "Save the name")
    yield "named"
    page.get_by_text("Rename").click()
    yield "renaming"
    page.get_by_role("link", name=f"Unlink {'W' * 40}").click()
    yield "unlink?"
    press(page, "Yes, unlink it")
    yield "not unlinked"
    page.goto(f"{origin}/devices/{'a' * 32}/unlink")
    yield "another's TV"
    page.goto(f"{origin}/devices")
    page.get_by_role("link", name="Unlink TV 1").click()
    press(page, "Yes, unlink it")
    yield "unlinked"
    press(page, "Sign out everywhere")
    yield "signed out everywhere"


@pytest.mark.parametrize("walk", [pages, pages_of_tvs])
def test_every_page_fits_and_can_be_read_and_pressed(
    live: str, open_window: Callable[..., Page], walk: Callable[[Page, str], Iterator[str]]
) -> None:
    page = open_window(*PHONE)
    check = AppearanceCheck(page)
    for name in walk(page, live):
        check(name)


def test_the_pin_page_is_small(live: str, open_window: Callable[..., Page]) -> None:
    page = open_window(360, 740)
    next(name for name in pages(page, live) if name == "enter the PIN")
    html = page.request.get(f"{live}/activate").body()
    loaded = page.locator("link[rel=stylesheet], script[src]").evaluate_all("them => them.map(it => it.href || it.src)")

    # Static files come compressed; the page is compressed here as a proxy in front of the portal would do it.
    files = [page.request.get(url).headers for url in loaded]
    assert [headers["content-encoding"] for headers in files] == ["gzip", "gzip"]
    total = len(gzip.compress(html)) + sum(int(headers["content-length"]) for headers in files)
    assert total <= MOST_BYTES
