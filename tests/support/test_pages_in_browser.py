"""Every page of the console, at the sizes and in the colours of agents: it fits, and can be read and pressed."""

from collections.abc import Iterator
from itertools import chain

import playwright.sync_api as playwright
from flask import Flask

from portal.sandbox import seed
from tests.harness.page import Page
from tests.harness.people import Alice
from tests.harness.shown_pages import ShownPages
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.translation_checks import translated
from tests.harness.visual_checks import AppearanceCheck
from tests.support.conftest import UNLINK_WHY, VIEWER, Bob

# What browsers must not translate: the viewer, the brand, PINs as they are read back.
VERBATIM = (seed.ALICE.email, seed.ALICE.name, seed.ALICE.id, "Zype Activate", "used1", "sticky1")
Pages = Iterator[tuple[str, Page]]


def pages_of_finding(bob: Bob) -> Pages:
    """Lead Bob to a viewer, and yield each page with a name for it."""
    yield "find", bob.opens("/support").page
    yield "nobody found", bob.finds("nobody@example.com", 422).page
    yield "viewer", bob.finds(seed.ALICE.email).page


def pages_of_linking(bob: Bob) -> Pages:
    """Lead Bob through linking a TV, and yield each page with a name for it."""
    yield "link", bob.opens(f"{VIEWER}/link").page
    yield "something is missing", bob.enters("used1", 422, reason="", identity_checked=None).page
    yield "read back", bob.enters("used1").page
    yield "not found", bob.confirms_link(422).page
    yield "linked", bob.links("sticky1").page
    yield "not undone", bob.undoes_link(503).page


def pages_of_unlinking(bob: Bob) -> Pages:
    """Lead Bob to a viewer's TVs, one of which can't be unlinked, and yield each page with a name for it."""
    bob.links("sticky1")
    yield "viewer with TVs", bob.opens(VIEWER).page
    yield "unlink", bob.opens(str(bob.page.select(f'a[href^="{VIEWER}/devices/"]')[0]["href"])).page
    yield "unlink all", bob.opens(f"{VIEWER}/unlink-all").page
    yield "some unlinked", bob.browser.submit(bob.page, f"{VIEWER}/unlink-all", 503, **UNLINK_WHY)


def test_every_page_fits_and_can_be_read_and_pressed(
    console_window: playwright.Page,
    live: str,
    app: Flask,
    alice: Alice,
    bob: Bob,
    sandbox: SimulatedZype,
) -> None:
    alice.signs_in().types_pin(sandbox.tv().pin)
    check = AppearanceCheck(console_window)
    shown = ShownPages(app, live, console_window)
    for name, page in chain(pages_of_finding(bob), pages_of_linking(bob), pages_of_unlinking(bob)):
        shown.show(page)
        check(name)
        assert translated(page, VERBATIM) == [], name


def test_the_viewer_bar_stays_visible(console_window: playwright.Page, live: str) -> None:
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
