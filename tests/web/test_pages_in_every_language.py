"""Each page speaks each language: its own words, direction and numbers, with the PIN from left to right everywhere.

The page client holds every page here to the rules for pages, the direction that belongs to the language among them.
"""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from portal.settings.types import languages
from tests.harness.catalogues import Text, catalogue, translations
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice

TRANSLATED = [code for code in languages() if code != "en"]
MINUTES = {
    "en": "15 minutes.",
    "ar": "15 دقيقة.",
    "de": "In 15 Minuten können",
    "es": "15 minutos.",
    "fr": "15 minutes.",
    "ja": "15分後",
    "pt-BR": "15 minutos.",
}


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """One wrong PIN is enough to have to wait."""
    return environ | {"PORTAL_LIMIT_VIEWER": "1/15minutes"}


def spoken(code: str, english: str) -> str:
    """Return what a text is in a language, white space as the page client reads it."""
    (words,) = translations(catalogue(code.replace("-", "_")))[Text(english)]
    return " ".join(words.split())


def language_of(page: Page) -> str:
    return str(page.select_one("html")["lang"])


def pages(alice: Alice) -> Iterator[tuple[str, Page]]:
    """Lead Alice through the pages, and yield the English heading of each with the page."""
    yield "Sign in to link your TV", alice.opens("/activate").page
    yield "Sign in to link your TV", alice.signs_in("wrong", 422).page
    yield "Link your TV", alice.signs_in().page
    yield "Link your TV", alice.types_pin("x", 422).page
    yield "Does the TV in front of you show this PIN?", alice.sends_the_pin_of_a_link("good1234").page
    yield "Your TV is linked", alice.confirms().page
    yield "That TV is no longer linked", alice.undoes().page
    yield "There is no such page", alice.opens("/no-such-page", 404).page


def test_every_page_has_its_own_words(app: Flask, browse: Callable[..., PageClient], subtests: pytest.Subtests) -> None:
    for code in TRANSLATED:
        with subtests.test(code):
            for english, page in pages(Alice(browse(app, language=code))):
                assert language_of(page) == code
                assert page.heading == spoken(code, english) != english


def test_forms_complain_in_the_language(
    app: Flask, browse: Callable[..., PageClient], subtests: pytest.Subtests
) -> None:
    for code in TRANSLATED:
        browser = browse(app, language=code)
        with subtests.test(code):
            empty = browser.submit(browser.get("/sign-in"), "/sign-in", 422)
            unseen = browser.submit(empty, "/sign-in", 422, email="alice\x07@example.com", password="x")

            assert spoken(code, "Enter your email address.") in empty.summary
            assert spoken(code, "Enter your password.") in empty.summary
            assert spoken(code, "Leave out characters that can't be seen.") in unseen.summary


@pytest.mark.parametrize("code", languages())
def test_times_are_in_the_language(app: Flask, browse: Callable[..., PageClient], code: str) -> None:
    alice = Alice(browse(app, language=code)).signs_in().types_pin("used", 422)

    assert MINUTES[code] in alice.types_pin("used2", 429).page.summary


def test_a_pin_runs_from_left_to_right(
    app: Flask, browse: Callable[..., PageClient], subtests: pytest.Subtests
) -> None:
    for code in languages():
        with subtests.test(code):
            alice = Alice(browse(app, language=code)).signs_in()
            assert alice.page.select_one("#pin")["dir"] == "ltr"

            large = alice.sends_the_pin_of_a_link("good1234").page.select_one(".pin-display")

            assert (large.name, large["dir"], large.get_text()) == ("bdi", "ltr", "good1234")


def test_e_mail_and_password_run_from_left_to_right(app: Flask, browse: Callable[..., PageClient]) -> None:
    page = browse(app, language="ar").get("/sign-in")

    assert [page.select_one(field)["dir"] for field in ("#email", "#password")] == ["ltr", "ltr"]


ASKED = (
    ("de-AT", "de"),
    ("de-AT, en;q=0.5", "de"),
    ("pt", "pt-BR"),
    ("pt-PT, pt;q=0.9, en;q=0.8", "pt-BR"),
    ("PT-br", "pt-BR"),
    ("es-419, en;q=0.9", "es"),
    ("ar-EG", "ar"),
    ("ja-JP, *;q=0.1", "ja"),
    ("fr;q=0.2, ja;q=0.9, en;q=0.5", "ja"),
    ("tlh, fr;q=0.3", "fr"),
    ("en;q=0, fr;q=0.1", "fr"),
    ("en;q=0", "de"),
    ("zh-Hant-TW, zh;q=0.9", "de"),
    ("deutsch", "de"),
    ("*", "de"),
    ("", "de"),
    ("fr;q=rubbish, \0, es-" + "x" * 3000, "es"),
    ("../../ja", "de"),
    ("__", "de"),
)


def test_the_browser_s_order_decides_before_the_operator_s_language(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(language="de")
    for asked, code in ASKED:
        assert language_of(browse(app, language=asked).get("/activate")) == code, asked


def test_the_language_switch_changes_the_language_and_leads_back(
    app: Flask, browse: Callable[..., PageClient], subtests: pytest.Subtests
) -> None:
    for code in languages():
        client = browse(app)
        with subtests.test(code):
            page = client.get("/sign-in")
            name = page.text(f'.language[value="{code}"]')

            back = client.follow(client.submit(page, "/language", 303, button=name))

            assert (back.path, language_of(back)) == ("/sign-in", code)
            assert back.text(".language[aria-current]") == name == name[0].upper() + name[1:]
