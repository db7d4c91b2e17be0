"""Every page in every state, at common sizes and in all colours: it fits, is small, and is accessible."""

import gzip
from collections.abc import Callable, Iterator
from functools import partial

import playwright.sync_api as playwright
import pytest
from flask import Flask

from portal.domain.actors import Role
from portal.sandbox import seed
from portal.settings.package_data import languages
from tests.browser import console_pages, viewer_pages
from tests.fixtures import services_of
from tests.harness.page import Page, PageClient
from tests.harness.page_loads import PageLoads, faults_of_loading
from tests.harness.page_walk import VIEWS_OF_A_LANGUAGE, VIEWS_OF_ENTRY, PageWalk
from tests.harness.people import Alice
from tests.harness.pseudo_locale import CODE, speak_pseudo
from tests.harness.staff import sign_in_staff
from tests.harness.translation_checks import translated
from tests.support.conftest import Bob

# What fits into the first round trip of a connection.
MOST_BYTES, MOST_REQUESTS = 14_000, 3
# What browsers must not translate: the account, the brand, a TV's name, PINs.
VERBATIM = (
    *(seed.ALICE.email, seed.ALICE.name, seed.ALICE.id, "Zype Activate"),
    *(viewer_pages.LONG_NAME, "TV 1", "good7777", "used1", "sticky1"),
)
SIZES_OF_FILES = "performance.getEntriesByType('resource').map(it => [it.encodedBodySize, it.decodedBodySize])"
Browse = Callable[..., PageClient]
Pages = Iterator[tuple[str, Page]]


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A day of an agent that is over soon, for the notice in the history."""
    return environ | {"PORTAL_LIMIT_AGENT": "5/day"}


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """A portal that speaks the pseudo-locale."""
    app = make_app(language=CODE)
    speak_pseudo(app)
    return app


@pytest.fixture
def browse(browse: Callable[..., PageClient]) -> Browse:
    """Return a maker of browsers that ask for it."""
    return partial(browse, language=CODE)


def pages_of_viewers(app: Flask, browse: Browse) -> Pages:
    for pages in (viewer_pages.pages_of_entry, viewer_pages.pages_of_linking, viewer_pages.pages_of_tvs):
        yield from pages(Alice(browse(app)))


def pages_of_staff(app: Flask, browse: Browse) -> Pages:
    sign_in_staff(app, browser := browse(app))
    bob = Bob(browser)
    sign_in_staff(app, supervisor := browse(app), "supervisor", Role.SUPERVISOR)
    yield from console_pages.pages_of_the_first_sign_in(services_of(app), browse(app))
    for pages in (
        *(console_pages.pages_of_finding, console_pages.pages_of_helping),
        *(console_pages.pages_of_unlinking, console_pages.pages_of_an_agent),
    ):
        yield from pages(bob)
    console_pages.fill_history(services_of(app).ledger)
    yield from console_pages.pages_of_history(supervisor)


def test_every_page_fits_and_can_be_read_and_pressed(
    live: str, app: Flask, browse: Browse, phone: playwright.Page
) -> None:
    pages = [*pages_of_viewers(app, browse), *pages_of_staff(app, browse)]
    assert [name for name, page in pages if "⟦" not in page.source] == []
    phone.goto(f"{live}/activate")

    faults = PageWalk(phone).faults(pages)
    faults += [f"{name}: {text}" for name, page in pages for text in translated(page, VERBATIM)]
    # Of those that have the same heading, and failed or did not, the last one.
    loaded = {(page.heading, page.status): (name, page) for name, page in pages}
    faults += PageLoads(app, live, phone).faults(loaded.values())

    assert not faults, "\n".join(faults)


def test_nothing_moves_when_a_script_fills_in_the_pin_of_a_link(
    live: str, phone: playwright.Page, give_session: Callable[[playwright.Page], None]
) -> None:
    for is_signed_in in (False, True):
        if is_signed_in:
            give_session(phone)
        phone.goto("about:blank")
        phone.goto(f"{live}/activate#pin=good7777")
        playwright.expect(phone.locator("#prefilled-hint" if is_signed_in else "#pin-kept")).to_be_visible()

        assert faults_of_loading(phone) == []


def test_the_first_pages_have_room_in_each_language_and_are_small(
    live: str, app: Flask, make_app: Callable[..., Flask], browse: Browse, phone: playwright.Page
) -> None:
    pages, entry = [], []
    speaking = make_app(limit_viewer="3/day")
    for code, account in zip(languages(), seed.consumers(), strict=False):
        alice = Alice(browse(speaking, language=code))
        alice.account = account
        pages += [(f"{name} in {code}", page) for name, page in viewer_pages.pages_of_a_language(alice)]
        entry += [(f"{name} in {code}", page) for name, page in viewer_pages.pages_of_typing(alice)]
    loads = PageLoads(app, live, phone)
    loads.load(entry[0][1])
    files = phone.evaluate(
        "performance.getEntriesByType('resource').map(it => [it.encodedBodySize, it.decodedBodySize])"
    )
    walk = PageWalk(phone)

    faults = [*walk.faults(pages, VIEWS_OF_A_LANGUAGE), *walk.faults(entry, VIEWS_OF_ENTRY)]
    assert not faults, "\n".join(faults)
    assert 0 < len(files) < MOST_REQUESTS
    assert all(0 < compressed < whole for compressed, whole in files)
    # A proxy in front of the portal compresses the page.
    total = sum(compressed for compressed, _ in files)
    sizes = {name: total + len(gzip.compress(page.source.encode())) for name, page in entry}
    assert {name: size for name, size in sizes.items() if size > MOST_BYTES} == {}
