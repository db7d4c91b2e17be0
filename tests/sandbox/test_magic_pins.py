"""Each row of the table of magic PINs does what the table says, over a real socket."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask

from portal.sandbox import seed
from portal.sandbox.seed import MAGIC_PINS, MagicPin
from portal.sandbox.server import running
from tests.sandbox.conftest import API_KEY, APP_KEY, CLIENT_ID, CLIENT_SECRET, Calls

DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"
WORDS = [magic.word for magic in MAGIC_PINS]
BY_WORD = {magic.word: magic for magic in MAGIC_PINS}
BREAKING = {"torn", "lost", "hang", "trickle"}
# The outcomes of portal.domain, written out: the sandbox is judged apart from the portal.
OUTCOMES = {"linked", "not_found", "refused", "unavailable", "unknown", "misconfigured"}


class Wire:
    """A client of a sandbox on a real socket.

    Args:
        url: the sandbox's origin.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def put(self, path: str, pin: str, consumer_id: str = seed.ALICE.id, timeout: float = 3) -> requests.Response:
        """Link or unlink."""
        query = {"api_key": API_KEY, "consumer_id": consumer_id, "pin": pin}
        return self.http.put(self.url + path, params=query, timeout=timeout, allow_redirects=False)

    def devices(self) -> list[str]:
        """Return the ids of Alice's TVs."""
        answer = self.http.get(f"{self.url}/consumers/{seed.ALICE.id}", params={"api_key": API_KEY}, timeout=3)
        found: list[str] = answer.json()["response"]["linked_devices"]
        return found


@pytest.fixture
def wire(box: Flask) -> Iterator[Wire]:
    """A client of a sandbox on a real socket."""
    with running(box) as url:
        client = Wire(url)
        yield client
        client.http.close()


@pytest.mark.parametrize("magic", MAGIC_PINS, ids=WORDS)
def test_it_keeps_each_pin_typeable_and_each_outcome_known(magic: MagicPin) -> None:
    assert re.fullmatch(r"[a-z0-9]{4,16}", magic.word)
    assert magic.outcome in OUTCOMES
    assert magic.links or magic.outcome != "linked"


@pytest.mark.parametrize("word", WORDS)
def test_it_knows_each_word_with_digits_after_it_and_nothing_else(word: str) -> None:
    for pin in (word, f"{word}0", f"{word}0042"):
        assert seed.magic(pin) is BY_WORD[word]
    for pin in (f"{word}x", f"{word}0x", f"x{word}", word[:-1], word.upper()):
        assert seed.magic(pin) is not BY_WORD[word]


@pytest.mark.parametrize("magic", [m for m in MAGIC_PINS if m.word not in BREAKING], ids=lambda m: m.word)
def test_it_answers_the_status_and_links_as_the_table_says(wire: Wire, magic: MagicPin) -> None:
    started = time.monotonic()
    answer = wire.put("/pin/link", f"{magic.word}7")
    assert answer.status_code == int(magic.answer[:3])
    assert bool(wire.devices()) is magic.links
    assert (time.monotonic() - started >= 1) is (magic.word == "slow")
    if answer.status_code >= 400 and magic.word != "http502":
        assert answer.json().keys() == {"message"}


def test_it_shapes_the_odd_answers_as_the_table_says(wire: Wire) -> None:
    assert wire.put("/pin/link", "silent").json() == {"response": {}}
    assert wire.put("/pin/link", "empty").json() == {}
    assert "linked_device_id" not in wire.put("/pin/link", "nameless").json()["response"]
    assert wire.put("/pin/link", "another").json()["response"]["consumer_id"] == seed.MALLORY.id
    assert wire.put("/pin/link", "another", seed.MALLORY.id).json()["response"]["consumer_id"] == seed.ALICE.id
    assert wire.put("/pin/link", "unlinked").json()["response"]["linked"] is False
    assert wire.put("/pin/link", "http429").headers["Retry-After"] == "30"
    assert wire.put("/pin/link", "http302").headers["Location"] == "/"
    for word in ("html", "http502"):
        assert wire.put("/pin/link", word).headers["Content-Type"].startswith("text/html")
    with pytest.raises(requests.JSONDecodeError):
        wire.put("/pin/link", "broken").json()


def test_it_breaks_the_connection_after_linking_when_the_answer_is_lost(wire: Wire) -> None:
    with pytest.raises(requests.ConnectionError):
        wire.put("/pin/link", "lost")
    assert len(wire.devices()) == 1


def test_it_breaks_the_connection_in_the_middle_of_a_torn_answer(wire: Wire) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        wire.put("/pin/link", "torn")
    assert len(wire.devices()) == 1


def test_it_trickles_so_that_each_read_is_quick_and_the_whole_is_not(wire: Wire) -> None:
    query = {"api_key": API_KEY, "consumer_id": seed.ALICE.id, "pin": "trickle"}
    with wire.http.put(f"{wire.url}/pin/link", params=query, timeout=1, stream=True) as answer:
        body = answer.iter_content(1)
        assert (next(body), next(body)) == (b"{", b'"')
        assert int(answer.headers["Content-Length"]) > 100
    assert len(wire.devices()) == 1


def test_it_hangs_past_the_time_out_of_a_client_and_links_nothing(wire: Wire) -> None:
    with pytest.raises(requests.ReadTimeout):
        wire.put("/pin/link", "hang", timeout=0.5)
    assert wire.devices() == []


def test_it_stops_at_once_with_an_answer_hanging(box: Flask) -> None:
    with running(box) as url:
        wire = Wire(url)
        with pytest.raises(requests.ReadTimeout):
            wire.put("/pin/link", "hang", timeout=0.2)
        started = time.monotonic()
    wire.http.close()
    assert time.monotonic() - started < 2


def test_it_gives_each_viewer_a_tv_of_their_own_and_another_after_unlinking(calls: Calls) -> None:
    def linked(consumer_id: str) -> str:
        device: str = calls.link("good", consumer_id).json["response"]["linked_device_id"]
        return device

    first = linked(seed.ALICE.id)
    assert linked(seed.ALICE.id) == first
    assert linked(seed.MALLORY.id) != first
    assert calls.link("good1").json["response"]["linked_device_id"] != first
    assert calls.status(first)["pin"] == "good"
    calls.unlink("good")
    assert first not in calls.devices()
    assert linked(seed.ALICE.id) != first


def test_it_never_unlinks_a_sticky_tv(calls: Calls) -> None:
    calls.link("sticky")
    assert calls.unlink("sticky").status_code == 503
    assert len(calls.devices()) == 1


def test_it_writes_down_each_call_once_without_keys_and_pins(wire: Wire) -> None:
    pins = [f"{magic.word}31337" for magic in MAGIC_PINS if magic.word not in ("trickle", "slow")]
    for pin in pins:
        try:
            wire.put("/pin/link", pin, timeout=0.3)
        except requests.RequestException:
            continue
    wire.put("/pin/unlink", "good31337")

    text = wire.http.get(f"{wire.url}/sandbox/record", timeout=3).text
    record = json.loads(text)

    assert [call["sequence"] for call in record] == list(range(1, len(pins) + 2))
    assert len({call["pin"] for call in record}) == len(pins)
    assert [call["done"] for call in record[:-1]] == [BY_WORD[pin[:-5]].links for pin in pins]
    unanswered = {pin[:-5] for pin, call in zip(pins, record, strict=False) if call["status"] is None}
    assert unanswered == {"lost", "hang"}
    assert (record[-1]["path"], record[-1]["method"], record[-1]["status"]) == ("/pin/unlink", "PUT", 200)
    assert {call["consumer_id"] for call in record} == {seed.ALICE.id}
    for secret in (*pins, API_KEY, APP_KEY, CLIENT_SECRET):
        assert secret not in text


def test_it_writes_a_refused_call_down_too(calls: Calls) -> None:
    calls.http.put("/pin/link", query_string={"consumer_id": "x", "pin": "good"})
    call = calls.http.get("/sandbox/record").json[0]
    assert (call["status"], call["done"], call["consumer_id"]) == (401, False, "x")


@pytest.mark.parametrize(("word", "status"), [("http503", 503), ("http429", 429), ("http401", 401), ("html", 200)])
def test_it_fails_sign_in_by_the_mailbox_of_the_email(calls: Calls, word: str, status: int) -> None:
    answer = calls.token(grant_type="password", username=f"{word}@example.com", password="any")
    assert answer.status_code == status


def test_it_hangs_sign_in_by_the_mailbox_of_the_email(wire: Wire) -> None:
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "password"}
    with pytest.raises(requests.ReadTimeout):
        wire.http.post(
            f"{wire.url}/oauth/token", {**form, "username": "hang@example.com", "password": "x"}, timeout=0.3
        )


def rows(text: str) -> list[list[str]]:
    """Return the cells of the magic PINs' table in a Markdown page."""
    table = text.partition("| PIN |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_the_documentation_has_the_table(make_box: Callable[..., Flask]) -> None:
    table = [[f"`{m.word}`", m.answer, "yes" if m.links else "no", m.outcome] for m in MAGIC_PINS]
    assert rows(DOCS.read_text(encoding="utf-8")) == table
    for account in (seed.ALICE, seed.MALLORY):
        for text in (account.email, account.password, account.id):
            assert f"`{text}`" in DOCS.read_text(encoding="utf-8")
