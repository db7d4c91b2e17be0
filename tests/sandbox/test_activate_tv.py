"""``activate-tv.js``: in the language and with the names that the first browsers of web TVs know, and what it does.

Tizen 2.4 and webOS 3 have Chromium 38 to 47: ES5, without fetch and Promise.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from calmjs.parse import es5
from calmjs.parse.asttypes import DotAccessor, FuncBase, Identifier, Node, PropIdentifier, VarDecl
from calmjs.parse.exceptions import ECMASyntaxError
from calmjs.parse.walkers import Walker
from playwright.sync_api import Browser, Page, expect

from portal.sandbox.seed import ALICE
from portal.sandbox.state import EXTENSION, Sandbox
from portal.sandbox.store import Store
from tests.harness.cases import each
from tests.harness.faulty_zype import answering, holding
from tests.harness.simulated_zype import SimulatedZype, simulated_zype

SCRIPT = Path(__file__).parents[2] / "docs/examples/tv/activate-tv.js"
MAX_BYTES = 8_000
GLOBALS = {
    *("window", "XMLHttpRequest", "setTimeout", "clearTimeout", "Uint8Array"),
    *("Date", "JSON", "Math", "Object", "encodeURIComponent", "parseInt", "undefined"),
}
# What the script reads of what is not its own: in ES5, and in the DOM of Chromium 38.
PROPERTIES = {
    *("now", "performance", "document", "hidden", "addEventListener", "removeEventListener"),
    *("localStorage", "getItem", "setItem", "crypto", "getRandomValues"),
    *("keys", "map", "join", "length", "slice", "toString", "parse", "stringify"),
    *("max", "min", "pow", "random", "onload", "onerror", "onabort", "open", "send", "abort", "status"),
    *("setRequestHeader", "getResponseHeader", "responseText"),
}
# Of the options, of Zype's answers, and of the script's own objects.
OWN = {
    *("ActivateTV", "api", "login", "send", "appKey", "clientId", "deviceId", "deviceType", "activateUrl", "type"),
    *("response", "linked", "pin", "pin_expiration", "created_at", "_id", "id", "to", "linked_device_id"),
    *("access_token", "from"),
}


def nodes(tree: Node, kind: type) -> Iterator[Node]:
    """Yield the nodes of a kind."""
    yield from Walker().filter(tree, lambda node: isinstance(node, kind))


def unknown_names(text: str) -> set[str]:
    """Return the globals and the properties that a script uses and that are on no list."""
    tree = es5(text)
    declared = {node.identifier.value for node in nodes(tree, VarDecl)}
    for function in nodes(tree, FuncBase):
        declared |= {parameter.value for parameter in function.parameters or []}
        declared |= {function.identifier.value} if function.identifier else set()
    accessed = {node.identifier.value for node in nodes(tree, DotAccessor)}
    used = {node.value for node in nodes(tree, Identifier) if not isinstance(node, PropIdentifier)}
    return (used - declared - GLOBALS - {"error"}) | (accessed - PROPERTIES - OWN)


def test_it_is_small_and_has_nothing_later_than_its_browsers() -> None:
    text = SCRIPT.read_text("utf-8")
    assert len(text.encode()) <= MAX_BYTES
    assert unknown_names(text) == set()


@each("text", ["let a = 1;", "var f = () => 1;", "var a = `x`;", "class A {}", "var {a} = {};", "for (var a of []) {}"])
def test_the_parser_refuses_what_came_after_es5(text: str) -> None:
    with pytest.raises(ECMASyntaxError):
        es5(text)


@each(
    "text",
    ["fetch('/');", "new Promise(function () {});", "Object.assign({}, {});", "[].includes(1);", "''.padStart(2);"],
)
def test_a_name_that_came_later_is_found(text: str) -> None:
    assert unknown_names(text)


# What the engine of the test has, and those of such TVs do not. The clock of the test needs Map, Set and Promise.
NOT_YET = ("fetch", "Proxy", "Reflect", "URLSearchParams", "AbortController")
PAGE = """<!doctype html><title>A TV</title><p id="shown"></p><p id="state"></p><p id="trouble"></p>
<script src="/static/activate-tv.js"></script><script src="/page.js"></script>"""
# As the maker of an app would write it, in ES5 too.
PAGE_SCRIPT = """
function set(id, text) { document.getElementById(id).textContent = text; }
ActivateTV.start({
  api: location.origin, login: location.origin, appKey: "sandbox-app-key", clientId: "sandbox-tv",
  deviceId: ActivateTV.deviceId(), deviceType: "tizen", activateUrl: "https://tv.example.com/activate",
  onPin: function (shown) { set("shown", shown ? shown.pin + " " + shown.link + " " + shown.seconds : "none"); },
  onLinked: function (token) { set("state", "linked " + token.token_type); },
  onUnlinked: function () { set("state", "unlinked"); },
  onTrouble: function (status) { set("trouble", status === null ? "over" : "status " + status); }
});
"""
# Seconds, with a fifth more by chance.
POLL, SLOW_POLL, WATCH, LONGEST_PAUSE, ANSWER = 6, 18, 72, 72, 15


class WebTV:
    """A web TV whose time a test moves on.

    Args:
        page: in which the script runs.
        zype: the sandbox that it calls.
    """

    def __init__(self, page: Page, zype: SimulatedZype) -> None:
        self.page = page
        self.zype = zype

    def opens(self) -> None:
        """Start the app, as after switching the TV on."""
        with self._call():
            self.page.goto(f"{self.zype.url}/app")

    def waits(self, seconds: float) -> None:
        """Let so much time pass that the next call is made, and until it is answered."""
        with self._call():
            self.page.clock.fast_forward(int(seconds * 1000))

    def shows(self, element: str, text: str) -> None:
        """Wait until an element has a text."""
        expect(self.page.locator(f"#{element}")).to_have_text(text)

    def pin(self) -> str:
        """Return the PIN that is shown."""
        expect(self.page.locator("#shown")).to_have_text(re.compile(r"^\w{7} "))
        return self.page.inner_text("#shown").partition(" ")[0]

    def _call(self) -> AbstractContextManager[object]:
        return self.page.expect_event("requestfinished", lambda request: "/pin/" in request.url)


@pytest.fixture
def tv(browser: Browser) -> Iterator[WebTV]:
    """A web TV without what came after ES5."""
    with simulated_zype("https://tv.example.com") as zype:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.clock.install()
        page.add_init_script("".join(f"delete window.{name};" for name in NOT_YET))
        page.route(f"{zype.url}/app", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        page.route(f"{zype.url}/page.js", lambda route: route.fulfill(body=PAGE_SCRIPT, content_type="text/javascript"))
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        tv = WebTV(page, zype)
        tv.opens()
        yield tv
        context.close()
    assert errors == []


def test_a_tv_is_linked_signs_in_and_notices_that_it_was_unlinked(tv: WebTV) -> None:
    pin = tv.pin()
    tv.shows("shown", f"{pin} https://tv.example.com/activate#pin={pin} 1800")
    tv.waits(POLL)
    tv.opens()
    assert tv.pin() == pin, "a restart keeps the PIN that the viewer is typing"
    assert store(tv).link(pin, ALICE.id)
    tv.waits(POLL)
    tv.shows("state", "linked bearer")
    tv.opens()
    tv.shows("state", "linked bearer")
    tv.shows("shown", "")
    assert store(tv).unlink(pin, ALICE.id)
    tv.waits(WATCH)
    tv.shows("state", "unlinked")
    assert tv.pin() != pin


def test_a_pin_is_renewed_before_its_end_also_after_a_sleep_or_a_new_time(tv: WebTV) -> None:
    first = tv.pin()
    tv.waits(27 * 60)
    assert tv.pin() == first
    tv.waits(2 * 60)
    expect(tv.page.locator("#shown")).not_to_have_text(re.compile(first))
    second = tv.pin()
    tv.page.clock.set_system_time("2001-01-01T00:00:00Z")
    tv.waits(POLL)
    assert tv.pin() == second, "a clock that is set back makes no PIN older"
    tv.waits(8 * 60 * 60)
    expect(tv.page.locator("#shown")).not_to_have_text(re.compile(second))


def test_it_survives_what_zype_and_the_network_do(tv: WebTV) -> None:
    pin = tv.pin()
    for status in (500, 429, 503, 401):
        with answering(tv.zype, "/pin/status", status, {"message": "no"}):
            tv.waits(LONGEST_PAUSE)
            tv.shows("trouble", f"status {status}")
    tv.waits(LONGEST_PAUSE)
    tv.shows("trouble", "over")
    with holding(tv.zype, "/pin/status") as arrived:
        tv.page.clock.fast_forward(SLOW_POLL * 1000)
        assert arrived.wait(5)
        tv.page.clock.fast_forward(ANSWER * 1000)
        tv.shows("trouble", "status 0")
    tv.page.context.set_offline(True)
    with tv.page.expect_event("requestfailed"):
        tv.page.clock.fast_forward(LONGEST_PAUSE * 1000)
    tv.page.context.set_offline(False)
    tv.waits(LONGEST_PAUSE)
    tv.shows("trouble", "over")
    assert tv.pin() == pin


def test_a_pin_that_has_ended_is_not_shown_any_more(tv: WebTV) -> None:
    pin = tv.pin()
    with answering(tv.zype, "/pin/", 500, {}):
        tv.waits(31 * 60)
        tv.shows("shown", "none")
    tv.waits(LONGEST_PAUSE)
    assert tv.pin() != pin


def store(tv: WebTV) -> Store:
    """Return what the sandbox keeps of TVs."""
    state: Sandbox = tv.zype.app.extensions[EXTENSION]
    return state.store
