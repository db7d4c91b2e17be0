"""The page client behaves as a browser, and stops a test at a page that breaks a rule."""

import re
from collections.abc import Callable, Mapping

import pytest

from portal.settings.loading import load
from portal.settings.settings import Settings
from tests.harness.cases import each
from tests.harness.page import Page, PageClient
from tests.harness.transports import Answer
from tests.harness.valid_page import HEADERS, PAGE, replaced


class Canned:
    """A portal that answers everything with what it was given, and keeps what was asked."""

    def __init__(self, text: str = PAGE, status: int = 200, headers: list[tuple[str, str]] = HEADERS) -> None:
        self.answer = Answer(status, headers, text)
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def send(self, method: str, path: str, data: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        self.asked.append((method, path, dict(data)))
        return self.answer


Shown = Callable[..., tuple[PageClient, Canned]]


@pytest.fixture
def canned_settings() -> Settings:
    return load({"PORTAL_ZYPE_API_KEY": "made-up-key-7777"})


@pytest.fixture
def shown(canned_settings: Settings) -> Shown:
    def make(text: str = PAGE, **answer: object) -> tuple[PageClient, Canned]:
        portal = Canned(text, **answer)  # type: ignore[arg-type]
        return PageClient(portal, canned_settings), portal

    return make


@each(
    "name, value",
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
def test_a_page_without_the_headers_that_protect_it_is_stopped(shown: Shown, name: str, value: str | None) -> None:
    headers = [pair for pair in HEADERS if pair[0] != name] + ([(name, value)] if value else [])
    client, _ = shown(headers=headers)
    with pytest.raises(AssertionError, match="breaks the rules"):
        client.get("/activate")


class TestPageClient:
    """It behaves as a browser and believes nothing."""

    def test_it_wants_the_status_that_was_stated(self, shown: Shown) -> None:
        client, _ = shown(status=404)
        with pytest.raises(AssertionError, match="Status 404 came, 200 was stated"):
            client.get("/activate")
        assert client.get("/activate", 404).status == 404

    def test_it_stops_at_a_page_that_breaks_a_rule(self, shown: Shown) -> None:
        client, _ = shown(replaced(PAGE, "<h1>", "<h2>"))
        with pytest.raises(AssertionError, match="0 h1"):
            client.get("/activate")

    def test_it_checks_the_answer_to_a_form_too(self, shown: Shown) -> None:
        client, portal = shown()
        page = client.get("/activate")
        portal.answer = Answer(422, HEADERS, PAGE)
        with pytest.raises(AssertionError, match="does not start with 'Error: '"):
            client.submit(page, "/activate", 422, pin="zizm529")

    def test_it_stops_at_a_secret_and_does_not_repeat_it(self, shown: Shown) -> None:
        client, _ = shown(replaced(PAGE, "Support", "made-up-key-7777"))
        with pytest.raises(AssertionError, match="a secret of the settings is shown"):
            client.get("/activate")

    def test_it_stops_at_a_redirect_with_a_pin_in_its_query(self, shown: Shown) -> None:
        client, portal = shown("", status=303, headers=[*HEADERS, ("Location", "/activate?pin=zizm529")])
        with pytest.raises(AssertionError, match="a redirect with a PIN"):
            client.get("/activate", 303)
        portal.answer = Answer(303, [*HEADERS, ("Location", "/activate#pin=zizm529")], "")
        client.get("/activate", 303)

    def test_it_sends_what_the_form_holds_with_what_was_typed(self, shown: Shown) -> None:
        client, portal = shown()
        client.submit(client.get("/activate"), "/activate", 200, pin="zizm529")
        assert portal.asked[-1] == ("POST", "/activate", {"csrf_token": "token-1", "pin": "zizm529"})

    def test_it_sends_choices_ticks_and_the_pressed_button_as_a_browser_does(self, shown: Shown) -> None:
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

    def test_it_types_into_no_field_that_is_not_there(self, shown: Shown) -> None:
        client, _ = shown()
        with pytest.raises(AssertionError, match="has no field code"):
            client.submit(client.get("/activate"), "/activate", 200, code="zizm529")

    def test_it_finds_a_form_by_its_action_or_by_a_selector(self, shown: Shown) -> None:
        client, portal = shown()
        page = client.get("/activate")
        client.submit(page, "main form", 200)
        with pytest.raises(AssertionError, match="0 elements match"):
            client.submit(page, "/sign-out", 200)
        assert len(portal.asked) == 2

    def test_it_follows_redirects_to_this_host_only(self, shown: Shown) -> None:
        client, portal = shown("", status=303, headers=[*HEADERS, ("Location", "/activate/done#main")])
        redirect = client.get("/activate", 303)
        portal.answer = Answer(200, HEADERS, PAGE)
        client.follow(redirect)
        assert portal.asked[-1][:2] == ("GET", "/activate/done")
        portal.answer = Answer(303, [*HEADERS, ("Location", "http://127.0.0.1:8001/oauth")], "")
        with pytest.raises(AssertionError, match="no path of ours"):
            client.follow(client.get("/activate", 303))

    def test_data_is_no_page_and_keeps_no_rule_for_pages(self, shown: Shown) -> None:
        client, _ = shown("ok", headers=[("Content-Type", "text/plain")])
        assert client.get("/healthz").source == "ok"


class TestPage:
    """It is read by selectors that must match."""

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
