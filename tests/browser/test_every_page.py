"""Every page of viewers, at common sizes and in both colour schemes: it fits, is small, and is accessible."""

import gzip
from collections.abc import Callable, Iterator

import playwright.sync_api as playwright
import pytest
from flask import Flask

from portal.sandbox import seed
from tests.harness.page import Page
from tests.harness.people import Alice
from tests.harness.shown_pages import ShownPages
from tests.harness.translation_checks import translated
from tests.harness.visual_checks import PHONE, AppearanceCheck

# What fits into the first round trip of a connection.
MOST_BYTES = 14 * 1024
# What browsers must not translate: the account, the brand, a TV's name, PINs.
VERBATIM = (seed.ALICE.email, "Zype Activate", "W" * 40, "good7777", "TV 1")
NAME_FORM = 'form[action$="/name"]'
Pages = Iterator[tuple[str, Page]]


def pages_of_entry(alice: Alice) -> Pages:
    """Lead Alice to the form for the PIN and to its refusals, and yield each page with a name for it."""
    yield "sign in", alice.opens("/activate").page
    yield "sign in failed", alice.signs_in("wrong", 422).page
    yield "enter the PIN", alice.signs_in().page
    for pin, status in {"used": 422, "refused": 422, "x": 422, "http503": 503, "http500": 503}.items():
        yield f"answer to {pin}", alice.types_pin(pin, status).page


def pages_of_linking(alice: Alice) -> Pages:
    """Lead Alice through the rest of /activate, and yield each page with a name for it."""
    alice.signs_in()
    yield "prefilled", alice.opens("/activate?pin=good7777", 303).page
    yield "damaged link", alice.opens("/activate?pin=x", 303).page
    yield "compare", alice.sends_the_pin_of_a_link("good7777").page
    yield "reported", alice.says_that_somebody_sent_it().page
    alice.sends_the_pin_of_a_link("good7777")
    alice.browser.get("/activate?pin=zizm529", 303)
    yield "another PIN", alice.confirms(422).page
    yield "not my TV", alice.says_that_is_not_my_tv().page
    yield "no PIN to compare", alice.opens("/activate/compare").page
    yield "done", alice.sends_the_pin_of_a_link("good7777").confirms().page
    yield "undone", alice.undoes().page
    yield "not found", alice.opens("/no-such-page", 404).page


def pages_of_tvs(alice: Alice) -> Pages:
    """Lead Alice through the pages of /devices, and yield each with a name for it."""
    browser = alice.signs_in().browser
    yield "no TV", alice.opens("/devices").page
    done = alice.types_pin("good7778").types_pin("sticky7779").page
    # A name without a space can't wrap.
    refused = browser.submit(done, NAME_FORM, 422, name="W" * 41)
    yield "name refused", refused
    named = browser.follow(browser.submit(refused, NAME_FORM, 303, name="W" * 40))
    yield "named", named
    sticky = refused.path.replace("/name", "/unlink")
    (other,) = {str(link["href"]) for link in named.select('a[href$="/unlink"]')} - {sticky}
    yield "unlink?", alice.opens(sticky).page
    yield "not unlinked", browser.submit(alice.page, sticky, 503)
    yield "another's TV", alice.opens(f"/devices/{'a' * 32}/unlink", 404).page
    alice.opens(other)
    unlinked = browser.follow(browser.submit(alice.page, other, 303))
    yield "unlinked", unlinked
    yield "signed out everywhere", alice.opens("/devices").signs_out_everywhere().page


@pytest.mark.parametrize("pages", [pages_of_entry, pages_of_linking, pages_of_tvs])
def test_every_page_fits_and_can_be_read_and_pressed(
    live: str, app: Flask, open_window: Callable[..., playwright.Page], alice: Alice, pages: Callable[[Alice], Pages]
) -> None:
    window = open_window(*PHONE)
    check = AppearanceCheck(window)
    shown = ShownPages(app, live, window)
    for name, page in pages(alice):
        shown.show(page)
        check(name)
        assert translated(page, VERBATIM) == [], name


def test_the_pin_page_is_small(live: str, open_window: Callable[..., playwright.Page]) -> None:
    page = open_window(*PHONE)
    page.goto(f"{live}/activate")
    page.get_by_label("Email").fill(seed.ALICE.email)
    page.get_by_label("Password").fill(seed.ALICE.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    playwright.expect(page.get_by_label("PIN from your TV")).to_be_visible()
    html = page.request.get(f"{live}/activate").body()
    loaded = page.locator("link[rel=stylesheet], script[src]").evaluate_all("them => them.map(it => it.href || it.src)")

    # Static files come compressed; the page is compressed here as a proxy in front of the portal would do it.
    files = [page.request.get(url).headers for url in loaded]
    assert [headers["content-encoding"] for headers in files] == ["gzip", "gzip"]
    total = len(gzip.compress(html)) + sum(int(headers["content-length"]) for headers in files)
    assert total <= MOST_BYTES
