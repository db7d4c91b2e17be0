"""Every page in every state, at common sizes and in all colours: it fits, is small, and is accessible."""

import gzip
from collections.abc import Callable, Iterator
from itertools import chain

import playwright.sync_api as playwright
import pytest
from flask import Flask

from portal.domain.actors import Role
from portal.sandbox import seed
from tests.browser import console_pages, viewer_pages
from tests.fixtures import services_of
from tests.harness.page import Page, PageClient
from tests.harness.page_walk import PageWalk
from tests.harness.people import Alice
from tests.harness.staff import sign_in_staff
from tests.harness.translation_checks import translated
from tests.support.conftest import Bob

# What fits into the first round trip of a connection.
MOST_BYTES = 14 * 1024
# What browsers must not translate: the account, the brand, a TV's name, PINs.
VERBATIM = (
    *(seed.ALICE.email, seed.ALICE.name, seed.ALICE.id, "Zype Activate"),
    *(viewer_pages.LONG_NAME, "TV 1", "good7777", "used1", "sticky1"),
)
Browse = Callable[..., PageClient]
Pages = Iterator[tuple[str, Page]]


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A day of an agent that is over soon, for the notice in the history."""
    return environ | {"PORTAL_LIMIT_AGENT": "5/day"}


def pages_of_viewers(app: Flask, browse: Browse) -> Pages:
    for pages in (viewer_pages.pages_of_entry, viewer_pages.pages_of_linking, viewer_pages.pages_of_tvs):
        yield from pages(Alice(browse(app)))


def pages_of_staff(app: Flask, browse: Browse) -> Pages:
    sign_in_staff(app, browser := browse(app))
    bob = Bob(browser)
    sign_in_staff(app, supervisor := browse(app), "supervisor", Role.SUPERVISOR)
    for pages in (console_pages.pages_of_finding, console_pages.pages_of_helping, console_pages.pages_of_unlinking):
        yield from pages(bob)
    console_pages.fill_history(services_of(app).ledger)
    yield from console_pages.pages_of_history(supervisor)


def test_every_page_fits_and_can_be_read_and_pressed(
    live: str, app: Flask, browse: Browse, phone: playwright.Page
) -> None:
    pages = [*pages_of_viewers(app, browse), *pages_of_staff(app, browse)]
    phone.goto(f"{live}/activate")

    faults = PageWalk(phone).faults(pages)

    names = chain.from_iterable((f"{name}: {text}" for text in translated(page, VERBATIM)) for name, page in pages)
    assert not (found := [*faults, *names]), "\n".join(found)


def test_the_pin_page_is_small(live: str, phone: playwright.Page) -> None:
    page = phone
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
