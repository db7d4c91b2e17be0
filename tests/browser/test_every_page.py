"""Every page in every state, at common sizes and in all colours: it fits, is small, and is accessible."""

import gzip
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import playwright.sync_api as playwright
import pytest
from flask import Flask

from portal.domain.actors import Role
from portal.sandbox import seed
from portal.settings.package_data import languages
from tests.browser import console_pages, other_pages, viewer_pages
from tests.fixtures import services_of
from tests.harness import people
from tests.harness.page import Page, PageClient
from tests.harness.page_loads import PageLoads, faults_of_loading
from tests.harness.page_walk import VIEWS_OF_A_LANGUAGE, VIEWS_OF_ENTRY, VIEWS_OF_STYLEGUIDE, PageWalk
from tests.harness.people import Alice
from tests.harness.pseudo_locale import CODE, speak_pseudo
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff
from tests.harness.translation_checks import translated
from tests.harness.viewers import begin_session
from tests.support.conftest import Bob

# What fits into the first round trip of a connection.
MOST_BYTES, MOST_REQUESTS = 14_000, 3
# What browsers must not translate: the account, the brand, a TV's name, PINs.
VERBATIM = (
    *(seed.ALICE.email, seed.ALICE.name, seed.ALICE.id, "Zype Activate"),
    *(viewer_pages.LONG_NAME, "TV 1", "good7777", "used1", "sticky1"),
)
# In a stylesheet or a script.
LOADS_MORE = re.compile(r"url\(|@import|^import\b|\bimport\(", re.MULTILINE)
Browse = Callable[..., PageClient]

Pages = Iterator[tuple[str, Page]]


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """Limits that are soon reached."""
    limits = {"PORTAL_LIMIT_SIGN_IN": "3/15minutes", "PORTAL_LIMIT_VIEWER": "3/day", "PORTAL_LIMIT_AGENT": "12/day"}
    return environ | limits


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


def viewers(app: Flask, browse: Browse) -> Iterator[Alice]:
    """Yield one viewer after the other, each with an account of their own, signed in."""
    for account in seed.consumers():
        viewer = Alice(browse(app))
        viewer.account = account
        begin_session(app, viewer)
        yield viewer


def pages_of_viewers(app: Flask, browse: Browse, sandbox: SimulatedZype) -> Pages:
    yield from viewer_pages.pages_of_signing_in(Alice(browse(app, "192.0.2.7")))
    yield from viewer_pages.pages_of_forgotten_password(Alice(browse(app, "192.0.2.7")))
    alice, *others = islice(viewers(app, browse), 5)
    yield from viewer_pages.pages_of_tvs(alice, sandbox)
    yield from viewer_pages.pages_of_typing(others[0])
    yield from viewer_pages.pages_of_more_answers(others[1])
    yield from viewer_pages.pages_of_comparing(others[2])
    yield from viewer_pages.pages_of_success(others[3], sandbox)


def pages_of_staff(app: Flask, browse: Browse, sandbox: SimulatedZype) -> Pages:
    services = services_of(app)
    sign_in_staff(app, browser := browse(app))
    bob = Bob(browser)
    sign_in_staff(app, supervisor := browse(app), "supervisor", Role.SUPERVISOR)
    yield from console_pages.pages_of_account(bob)
    yield from console_pages.pages_of_finding(bob, sandbox)
    yield from console_pages.pages_of_helping(bob, sandbox)
    yield from console_pages.pages_of_unlinking(bob, sandbox)
    console_pages.fill_history(services.ledger)
    yield "too many links", bob.links("good9", 429).page
    yield from console_pages.pages_of_history(supervisor)
    colleague, newcomer = people.Bob(browse(app, "192.0.2.8")), people.Bob(browse(app, "192.0.2.9"))
    colleague.name, newcomer.name = "colleague", "newcomer"
    yield from console_pages.pages_of_signing_in(colleague.with_account(services))
    newcomer.password = services.agents.add(newcomer.name, newcomer.role)
    yield from console_pages.pages_of_enrolling(newcomer)


def test_every_page_fits_and_can_be_read_and_pressed(
    live: str, app: Flask, browse: Browse, phone: playwright.Page, sandbox: SimulatedZype
) -> None:
    pages = [*pages_of_viewers(app, browse, sandbox), *pages_of_staff(app, browse, sandbox)]
    # Of those that have the same heading the one that has most to show is loaded too.
    loaded = {page.heading: (name, page) for name, page in sorted(pages, key=lambda named: len(named[1].source))}
    pages += [*other_pages.pages_of_errors(app), *other_pages.pages_of_provider(app)]
    assert [name for name, page in pages if "⟦" not in page.source] == []
    # A page without scripts, which would go on while others are shown in its place.
    phone.goto(f"{live}/no-such-page")
    walk = PageWalk(phone)

    faults = walk.faults(pages) + walk.faults([("styleguide", browse(app).get("/styleguide"))], VIEWS_OF_STYLEGUIDE)
    faults += [f"{name}: {text}" for name, page in pages for text in translated(page, VERBATIM)]
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
    live: str, make_app: Callable[..., Flask], browse: Browse, phone: playwright.Page
) -> None:
    pages, entry = [], []
    speaking = make_app()
    for code, account in zip(languages(), seed.consumers(), strict=False):
        alice = Alice(browse(speaking, language=code))
        alice.account = account
        pages += [(f"{name} in {code}", page) for name, page in viewer_pages.pages_of_a_language(alice)]
        entry += [(f"{name} in {code}", page) for name, page in viewer_pages.pages_of_typing(alice)]
    phone.goto(f"{live}/no-such-page")
    walk = PageWalk(phone)

    faults = [*walk.faults(pages, VIEWS_OF_A_LANGUAGE), *walk.faults(entry, VIEWS_OF_ENTRY)]
    assert not faults, "\n".join(faults)
    # A proxy in front of the portal compresses the page.
    files = size_of_files(browse(speaking), entry[0][1])
    sizes = {name: files + len(gzip.compress(page.source.encode())) for name, page in entry}
    assert {name: size for name, size in sizes.items() if size > MOST_BYTES} == {}


def size_of_files(browser: PageClient, page: Page) -> int:
    """Return how many bytes a page loads, compressed; it must not ask for more files than it may, and they for none."""
    paths = [str(it["href"]) for it in page.select("link[rel=stylesheet]")]
    paths += [str(it["src"]) for it in page.select("[src]")]
    assert len(paths) < MOST_REQUESTS, paths
    assert not [path for path in paths if LOADS_MORE.search(browser.get(path).source)]
    answers = [browser.send("HEAD", path, 200, headers={"Accept-Encoding": "gzip"}) for path in paths]
    assert [answer.header("Content-Encoding") for answer in answers] == ["gzip"] * len(paths)
    return sum(int(answer.header("Content-Length")) for answer in answers)
