"""Each check of the walk finds what it looks for, and accepts a page that is sound."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser

from tests.harness.page import Page
from tests.harness.page_walk import VIEWS, VIEWS_OF_ENTRY, PageWalk, kind
from tests.harness.servers import Port, serving
from tests.harness.transports import Answer

SOUND = """<!DOCTYPE html><html lang=en><meta name=viewport content="width=device-width"><title>Sound</title>
<link rel=stylesheet href=/one.css>
<body><style>
:root { color-scheme: light dark } button { height: 44px; border: 1px solid } .sandbox-band { margin: 0 }
:focus-visible { outline: 3px solid #777 } .button--primary { color: #fff; background: #000 }
@media (prefers-color-scheme: dark) { body { background: #000; color: #fff } }
@media (forced-colors: active) { .button--primary { forced-color-adjust: none } }
</style>
<aside class=sandbox-band><p>Sandbox</p></aside>
<main><h1>Sound</h1><p><button class=button--primary>Press</button> <button class=button--secondary>Leave</button>
<p class=one>One</p></main></html>"""
# What is replaced by what, and the fault that is found then.
FAULTS = (
    ("Press", "Press" * 60, "px too wide at 360 px, ltr"),
    ("<h1>", "<h1 style='margin-left: -500px; width: 400px'>", "px too wide at 320 px, rtl"),
    ("<p><b", "<p style='width: 340px'><b", "px too wide at 320 px"),
    ("height: 44px", "height: 40px", "40 px high: <button"),
    ("<h1>", "<img src='data:,'><h1>", "image-alt"),
    ("<p class=one>One", "<h3>One</h3>", "a heading skips a level: <h3"),
    ("<h1>", "<p tabindex=3>Third</p><h1>", "has a place of its own in the order"),
    ("button {", "button { color: #eee; background: #fff;", "in light color-contrast"),
    ("color: #fff", "color: #222", "in dark color-contrast"),
    ("<p>Sandbox", "<p style='width: 3em'>Sandbox in two lines", "the band at the top has several lines at 1280 px"),
    ("<h1>", "<h1 style='height: 10px; overflow: hidden'>", '"Sound" does not fit at 360 px into <h1'),
    (
        "class=button--secondary",
        "class=button--secondary style='width: 20px'",
        '"Leave" does not fit at 360 px into <button',
    ),
    ("outline: 3px", "outline: 1px", "has no outline with the focus: <button"),
    (":focus-visible {", ":focus-visible { outline-color: #ccc !important;", "has an outline of contrast 1.6"),
    ("<h1>", "<div style='position: fixed; inset: 0'></div><h1>", "is under <div"),
    ("{ forced-color-adjust: none }", "{ }", "looks like a secondary button in forced colours"),
    ("One", "⟦Ñóñé⟧ of <b translate=no>Alice</b>", "is not translated: ⟦Ñóñé⟧ of"),
    ("<p><b", "⟦Ñóñé⟧<p title=Plain><b", "is not translated: Plain"),
    ("<h1>", "<h1 style='margin-top: 600px'>", "its button is "),
    ("<h1>", "<p style='height: 800px'></p><h1>", "px high in a window of 800"),
)


@pytest.fixture(scope="module")
def walk(browser: Browser) -> Iterator[PageWalk]:
    """A walk that starts on an empty page; one stylesheet is served there."""
    app = Flask(__name__)
    app.add_url_rule("/", "/", lambda: "<title>Start</title>")
    app.add_url_rule("/one.css", "/one.css", lambda: (".one { width: 1px }", {"Content-Type": "text/css"}))
    port = Port()
    with browser.new_page() as page, serving(app, port) as origin:
        page.goto(origin)
        yield PageWalk(page)
    port.close()


def page(source: str) -> Page:
    return Page("/", Answer(200, [], source))


def spoilt(old: str, new: str) -> str:
    assert old in SOUND
    return SOUND.replace(old, new, 1)


def test_a_sound_page_passes_and_each_fault_is_found(walk: PageWalk) -> None:
    sources = {"sound": SOUND} | {f"{old} as {new}": spoilt(old, new) for old, new, _ in FAULTS}
    # What pages have in common is looked at once.
    pages = [
        (name, page(source.replace("<main", f"<main class=x{n}"))) for n, (name, source) in enumerate(sources.items())
    ]

    faults = walk.faults(pages, (*VIEWS, *VIEWS_OF_ENTRY))

    assert not [fault for fault in faults if fault.startswith("sound: ")]
    for old, new, fault in FAULTS:
        found = [text for text in faults if text.startswith(f"{old} as {new}: ")]
        assert any(fault in text for text in found), (old, fault, found)


def test_pages_are_of_one_kind_if_their_texts_alone_differ() -> None:
    other = SOUND.replace("Sound", "Other").replace("Press", "Push")
    assert kind(SOUND) == kind(other) != kind(spoilt("class=one", 'class="one button"'))


def test_a_page_has_its_own_stylesheets_and_none_of_another(walk: PageWalk) -> None:
    with_it, without = spoilt("class=one", 'class="one button" id=x'), spoilt("<link rel=stylesheet href=/one.css>", "")
    script = "async source => { await walk.show(source); return document.querySelector('.one').offsetWidth }"
    walk.faults([])

    assert [walk.tab.evaluate(script, source) == 1 for source in (with_it, without, with_it)] == [True, False, True]
