"""The page client stops a test at a page that breaks a rule; each rule is shown to catch what it is there for."""

import re
from collections.abc import Callable, Mapping

import pytest
from bs4 import BeautifulSoup

from portal.config import Settings, load
from tests import page_rules
from tests.page import Page, PageClient
from tests.page_rules import RULES, Rule
from tests.transports import Answer

HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "same-origin"),
]
SUMMARY = '<div role="alert" tabindex="-1" autofocus><a href="#pin">Check the PIN</a></div>'
FORM = """
<form method="post" action="/activate">
  <input type="hidden" name="csrf_token" value="token-1">
  <label for="pin">PIN from your TV</label>
  <p id="pin-hint">It is on the screen.</p>
  <input id="pin" name="pin" value="" aria-describedby="pin-hint">
  <button>Link my TV</button>
</form>"""
PAGE = f"""<!DOCTYPE html>
<html lang="en" dir="ltr">
  <head><title>Link your TV – Example</title><link rel="stylesheet" href="/static/site.css"></head>
  <body><main><h1>Link  your
    TV</h1>{FORM}</main><a href="https://example.com/help">Support</a></body>
</html>"""
FAILED = PAGE.replace("<title>", "<title>Error: ").replace("<form", f"{SUMMARY}<form")

# For each rule: what in a sound page is replaced by what, so that the rule must speak up.
BROKEN: dict[Rule, list[tuple[str, str]]] = {
    page_rules.it_is_html_in_a_language: [
        ("<!DOCTYPE html>", ""),
        ("<!DOCTYPE html>", "<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>"),
        (' lang="en"', ""),
        ('lang="en"', 'lang="pt_BR"'),
        (' dir="ltr"', ""),
        ('lang="en"', 'lang="ar"'),
        ('dir="ltr"', 'dir="rtl"'),
    ],
    page_rules.it_has_one_heading: [
        ("<h1>", "<h2>"),
        ("<form", "<h1>Another</h1><form"),
        ("<h1>Link  your\n    TV</h1>", "<h1> </h1>"),
    ],
    page_rules.its_title_starts_with_the_heading: [
        ("<title>Link your TV – Example</title>", ""),
        ("<title>Link your TV – Example</title>", "<title>Example</title>"),
        ("<title>", "<title>Example – "),
        ("<title>", "<title>Error: "),
    ],
    page_rules.fields_have_labels: [
        ('for="pin"', ""),
        ('for="pin"', 'for="pin-hint"'),
        ("PIN from your TV", " "),
        ("<button>", "<input name='more'><button>"),
        ("<button>", "<textarea name='more'></textarea><button>"),
        ("<button>", "<select name='more' aria-label='More'></select><button>"),
        ('name="pin"', 'name="pin" placeholder="zizm529"'),
    ],
    page_rules.ids_are_unique: [("<main>", '<main id="pin">')],
    page_rules.references_resolve: [
        ('aria-describedby="pin-hint"', 'aria-describedby="pin-hint pin-error"'),
        ('for="pin"', 'for="pni"'),
        ("<main>", '<main aria-labelledby="heading">'),
        ("<main>", '<a href="#man">Skip to the main part</a><main>'),
    ],
    page_rules.nothing_is_inline: [
        ("<main>", "<main style='color: red'>"),
        ("<main>", "<style>main { color: red }</style><main>"),
        ("<main>", "<script>alert(1)</script><main>"),
        ("<main>", "<script src='/static/js/x.js'>alert(1)</script><main>"),
        ("<main>", "<main onclick='alert(1)'>"),
        ("https://example.com/help", "javascript:alert(1)"),
        ("https://example.com/help", "JavaScript:alert(1)"),
    ],
    page_rules.forms_are_safe: [
        (' action="/activate"', ""),
        ('action="/activate"', 'action=""'),
        ('action="/activate"', 'action="https://example.com/"'),
        ('action="/activate"', 'action="//example.com/"'),
        (' method="post"', ""),
        ('method="post"', 'method="get"'),
        ('name="csrf_token"', 'name="token"'),
        ('value="token-1"', 'value=""'),
        ("<button>Link my TV</button>", ""),
    ],
    page_rules.buttons_and_links_can_be_used: [
        (">Support<", "> <"),
        ("Link my TV", ""),
        ("<button>", "<button disabled>"),
        ("<main>", "<main><img src='/static/img/logo.svg'>"),
    ],
    page_rules.nothing_comes_from_elsewhere: [
        ("/static/site.css", "https://cdn.example.com/site.css"),
        ("/static/site.css", "//cdn.example.com/site.css"),
        ("<main>", "<main><img alt='' src='http://127.0.0.1/logo.svg'>"),
        ("<main>", "<main><script src='data:text/javascript,1'></script>"),
    ],
    page_rules.no_address_holds_a_pin: [
        ("https://example.com/help", "/activate?pin=zizm529"),
        ("https://example.com/help", "/activate?lang=en&amp;pin=zizm529"),
        ("https://example.com/help", "/sign-in?next=/activate%3Fpin%3Dzizm529"),
        ('action="/activate"', 'action="/activate?pin=zizm529"'),
        ("<button>", '<button formaction="/activate?pin=">'),
    ],
}
BROKEN_WHEN_FAILED = [
    ("<title>Error: ", "<title>"),
    ('role="alert"', ""),
    ('tabindex="-1"', ""),
    ("autofocus", ""),
    ('href="#pin"', 'href="#pin-hint"'),
    ('<a href="#pin">Check the PIN</a>', "Check the PIN"),
]


def names_of_broken_rules(text: str, status: int = 200) -> set[str]:
    soup = BeautifulSoup(text, "html.parser")
    return {rule.__name__ for rule in RULES if list(rule(soup, status))}


def replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"{old!r} is not in the page any more"
    return text.replace(old, new)


class Canned:
    """A portal that answers everything with what it was given, and keeps what was asked."""

    def __init__(self, text: str = PAGE, status: int = 200, headers: list[tuple[str, str]] = HEADERS) -> None:
        self.answer = Answer(status, headers, text)
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def send(self, method: str, path: str, data: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        self.asked.append((method, path, dict(data)))
        return self.answer


@pytest.fixture
def canned_settings() -> Settings:
    return load({"PORTAL_ZYPE_API_KEY": "made-up-key-7777"})


@pytest.fixture
def shown(canned_settings: Settings) -> Callable[..., tuple[PageClient, Canned]]:
    def make(text: str = PAGE, **answer: object) -> tuple[PageClient, Canned]:
        portal = Canned(text, **answer)  # type: ignore[arg-type]
        return PageClient(portal, canned_settings), portal

    return make


def test_a_sound_page_breaks_no_rule() -> None:
    assert names_of_broken_rules(PAGE) == set()
    assert names_of_broken_rules(FAILED, 422) == set()
    assert names_of_broken_rules(PAGE, 404) == set()


def test_a_sound_page_in_another_language_breaks_no_rule() -> None:
    arabic = replaced(PAGE, 'lang="en" dir="ltr"', 'lang="ar" dir="rtl"')
    assert names_of_broken_rules(arabic) == set()
    french = replaced(FAILED, 'lang="en"', 'lang="fr"').replace("Error: ", "Erreur : ")
    assert names_of_broken_rules(french, 422) == set()


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule is not page_rules.a_failed_form_says_so])
def test_each_rule_catches_what_it_is_there_for(rule: Rule) -> None:
    for old, new in BROKEN[rule]:
        assert rule.__name__ in names_of_broken_rules(replaced(PAGE, old, new)), f"{old!r} became {new!r}"


@pytest.mark.parametrize(("old", "new"), BROKEN_WHEN_FAILED)
def test_a_failed_form_must_say_so(old: str, new: str) -> None:
    broken = names_of_broken_rules(replaced(FAILED, old, new), 422)
    assert broken & {"a_failed_form_says_so", "its_title_starts_with_the_heading"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Security-Policy", None),
        ("Content-Security-Policy", "default-src 'self'"),
        ("Content-Security-Policy", f"{HEADERS[1][1]}; script-src 'unsafe-inline'"),
        ("Content-Security-Policy", f"{HEADERS[1][1]}; img-src *"),
        ("X-Content-Type-Options", None),
        ("Cache-Control", "private"),
        ("Cache-Control", None),
        ("Referrer-Policy", None),
    ],
)
def test_a_page_without_the_headers_that_protect_it_is_stopped(
    shown: Callable[..., tuple[PageClient, Canned]], name: str, value: str | None
) -> None:
    headers = [pair for pair in HEADERS if pair[0] != name] + ([(name, value)] if value else [])
    client, _ = shown(headers=headers)
    with pytest.raises(AssertionError, match="breaks the rules"):
        client.get("/activate")


class TestPageClient:
    """It behaves as a browser and believes nothing."""

    def test_it_wants_the_status_that_was_stated(self, shown: Callable[..., tuple[PageClient, Canned]]) -> None:
        client, _ = shown(status=404)
        with pytest.raises(AssertionError, match="Status 404 came, 200 was stated"):
            client.get("/activate")
        assert client.get("/activate", 404).status == 404

    def test_it_stops_at_a_page_that_breaks_a_rule(self, shown: Callable[..., tuple[PageClient, Canned]]) -> None:
        client, _ = shown(replaced(PAGE, "<h1>", "<h2>"))
        with pytest.raises(AssertionError, match="0 h1"):
            client.get("/activate")

    def test_it_judges_the_answer_to_a_form_too(self, shown: Callable[..., tuple[PageClient, Canned]]) -> None:
        client, portal = shown()
        page = client.get("/activate")
        portal.answer = Answer(422, HEADERS, PAGE)
        with pytest.raises(AssertionError, match="does not start with 'Error: '"):
            client.submit(page, "/activate", 422, pin="zizm529")

    def test_it_stops_at_a_secret_and_does_not_repeat_it(self, shown: Callable[..., tuple[PageClient, Canned]]) -> None:
        client, _ = shown(replaced(PAGE, "Support", "made-up-key-7777"))
        with pytest.raises(AssertionError, match="a secret of the settings is shown"):
            client.get("/activate")

    def test_it_stops_at_a_redirect_with_a_pin_in_its_query(
        self, shown: Callable[..., tuple[PageClient, Canned]]
    ) -> None:
        client, portal = shown("", status=303, headers=[*HEADERS, ("Location", "/activate?pin=zizm529")])
        with pytest.raises(AssertionError, match="a redirect with a PIN"):
            client.get("/activate", 303)
        portal.answer = Answer(303, [*HEADERS, ("Location", "/activate#pin=zizm529")], "")
        client.get("/activate", 303)

    def test_it_sends_what_the_form_holds_with_what_was_typed(
        self, shown: Callable[..., tuple[PageClient, Canned]]
    ) -> None:
        client, portal = shown()
        client.submit(client.get("/activate"), "/activate", 200, pin="zizm529")
        assert portal.asked[-1] == ("POST", "/activate", {"csrf_token": "token-1", "pin": "zizm529"})

    def test_it_sends_choices_ticks_and_the_pressed_button_as_a_browser_does(
        self, shown: Callable[..., tuple[PageClient, Canned]]
    ) -> None:
        fields = """
          <label>A <input type="checkbox" name="set" value="1" checked></label>
          <label>B <input type="checkbox" name="unset" value="1"></label>
          <label>C <input type="radio" name="way" value="c" checked></label>
          <label>D <input type="radio" name="way" value="d"></label>
          <label>E <textarea name="why">as is</textarea></label>
          <label>F <select name="kind">
            <option value="f">F</option><option value="g" selected>G</option></select></label>
          <button name="then" value="stop">Stop</button>"""
        client, portal = shown(replaced(PAGE, "<button>", f"{fields}<button>"))
        page = client.get("/activate")
        with pytest.raises(AssertionError, match=re.escape("['Stop', 'Link my TV']")):
            client.submit(page, "/activate", 200)
        with pytest.raises(AssertionError, match="There is no button 'Go'"):
            client.submit(page, "/activate", 200, button="Go")
        client.submit(page, "/activate", 200, button="Stop", set=None, way="d")
        assert portal.asked[-1][2] == {
            "csrf_token": "token-1",
            "pin": "",
            "way": "d",
            "why": "as is",
            "kind": "g",
            "then": "stop",
        }

    def test_it_types_into_no_field_that_is_not_there(self, shown: Callable[..., tuple[PageClient, Canned]]) -> None:
        client, _ = shown()
        with pytest.raises(AssertionError, match="has no field code"):
            client.submit(client.get("/activate"), "/activate", 200, code="zizm529")

    def test_it_finds_a_form_by_its_action_or_by_a_selector(
        self, shown: Callable[..., tuple[PageClient, Canned]]
    ) -> None:
        client, portal = shown()
        page = client.get("/activate")
        client.submit(page, "main form", 200)
        with pytest.raises(AssertionError, match="0 elements match"):
            client.submit(page, "/sign-out", 200)
        assert len(portal.asked) == 2

    def test_it_follows_redirects_to_this_host_only(self, shown: Callable[..., tuple[PageClient, Canned]]) -> None:
        client, portal = shown("", status=303, headers=[*HEADERS, ("Location", "/activate/done#main")])
        redirect = client.get("/activate", 303)
        portal.answer = Answer(200, HEADERS, PAGE)
        client.follow(redirect)
        assert portal.asked[-1][:2] == ("GET", "/activate/done")
        portal.answer = Answer(303, [*HEADERS, ("Location", "http://127.0.0.1:8001/oauth")], "")
        with pytest.raises(AssertionError, match="no path of ours"):
            client.follow(client.get("/activate", 303))

    def test_data_is_no_page_and_keeps_no_rule_for_pages(self, shown: Callable[..., tuple[PageClient, Canned]]) -> None:
        client, _ = shown("ok", headers=[("Content-Type", "text/plain")])
        assert client.get("/healthz").source == "ok"


class TestPage:
    """It is looked at by selectors that must match."""

    page = Page("/activate", Answer(200, HEADERS, PAGE))

    def test_select_one_wants_exactly_one_element(self) -> None:
        assert self.page.select_one("#pin")["name"] == "pin"
        with pytest.raises(AssertionError, match="0 elements match"):
            self.page.select_one(".missing")
        with pytest.raises(AssertionError, match="2 elements match 'input'"):
            self.page.select_one("input")

    def test_text_has_its_white_space_in_one_piece(self) -> None:
        assert self.page.heading == self.page.text("h1") == "Link your TV"

    def test_find_is_refused_with_a_better_way(self) -> None:
        with pytest.raises(AssertionError, match="Use select_one"):
            self.page.find("h1")
        with pytest.raises(AssertionError, match="Use select_one"):
            self.page.find_all("h1")
