"""Each magic PIN does what the table says, over a real socket."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask

from portal.sandbox import faults, seed
from portal.sandbox.seed import MAGIC_PINS, MagicPin
from portal.sandbox.server import serve_in_thread
from tests.harness.cases import each
from tests.sandbox.conftest import API_KEY, APP_KEY, CLIENT_ID, CLIENT_SECRET, Calls

DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"
WORDS = [magic.word for magic in MAGIC_PINS]
BY_WORD = {magic.word: magic for magic in MAGIC_PINS}
BREAKING = {"torn", "lost", "hang", "trickle", "slow"}
# The outcomes of portal.domain, written out, because the sandbox must not share them.
OUTCOMES = {"linked", "not_found", "refused", "unavailable", "unknown", "misconfigured"}


class SocketClient:
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
def client(app: Flask) -> Iterator[SocketClient]:
    """A client of a sandbox on a real socket."""
    with serve_in_thread(app) as url:
        client = SocketClient(url)
        yield client
        client.http.close()


@each("magic", MAGIC_PINS)
def test_each_magic_pin_is_a_valid_pin_with_a_known_outcome(magic: MagicPin) -> None:
    assert re.fullmatch(r"[a-z0-9]{4,16}", magic.word)
    assert magic.outcome in OUTCOMES
    assert magic.links or magic.outcome != "linked"


@each("word", WORDS)
def test_a_magic_pin_is_a_word_with_or_without_digits(word: str) -> None:
    for pin in (word, f"{word}0", f"{word}0042"):
        assert seed.find_magic_pin(pin) is BY_WORD[word]
    for pin in (f"{word}x", f"{word}0x", f"x{word}", word[:-1], word.upper()):
        assert seed.find_magic_pin(pin) is not BY_WORD[word]


@each("magic", [m for m in MAGIC_PINS if m.word not in BREAKING])
def test_it_answers_and_links_as_the_table_says(client: SocketClient, magic: MagicPin) -> None:
    before = len(client.devices())
    answer = client.put("/pin/link", f"{magic.word}7")
    assert answer.status_code == int(magic.answer[:3])
    assert len(client.devices()) - before == int(magic.links)
    if answer.status_code >= 400 and magic.word != "http502":
        assert answer.json().keys() == {"message"}


def test_slow_links_after_a_second(client: SocketClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults.SLOW_SECONDS == 1
    monkeypatch.setattr(faults, "SLOW_SECONDS", 0.1)
    start = time.monotonic()
    assert client.put("/pin/link", "slow").status_code == 200
    assert time.monotonic() - start >= 0.1
    assert len(client.devices()) == 1


def test_the_special_answers_have_the_shape_of_the_table(client: SocketClient) -> None:
    assert client.put("/pin/link", "silent").json() == {"response": {}}
    assert client.put("/pin/link", "empty").json() == {}
    assert "linked_device_id" not in client.put("/pin/link", "nameless").json()["response"]
    assert client.put("/pin/link", "another").json()["response"]["consumer_id"] == seed.MALLORY.id
    assert client.put("/pin/link", "another", seed.MALLORY.id).json()["response"]["consumer_id"] == seed.ALICE.id
    assert client.put("/pin/link", "unlinked").json()["response"]["linked"] is False
    assert client.put("/pin/link", "http429").headers["Retry-After"] == "30"
    assert client.put("/pin/link", "http302").headers["Location"] == "/"
    for word in ("html", "http502"):
        assert client.put("/pin/link", word).headers["Content-Type"].startswith("text/html")
    with pytest.raises(requests.JSONDecodeError):
        client.put("/pin/link", "broken").json()


def test_lost_links_and_breaks_the_connection_before_the_answer(client: SocketClient) -> None:
    with pytest.raises(requests.ConnectionError):
        client.put("/pin/link", "lost")
    assert len(client.devices()) == 1


def test_torn_links_and_breaks_the_connection_in_the_middle_of_the_body(client: SocketClient) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.put("/pin/link", "torn")
    assert len(client.devices()) == 1


def test_trickle_links_and_sends_the_body_byte_by_byte(client: SocketClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults.TRICKLE_SECONDS == 0.5
    monkeypatch.setattr(faults, "TRICKLE_SECONDS", 0.02)
    query = {"api_key": API_KEY, "consumer_id": seed.ALICE.id, "pin": "trickle"}
    with client.http.put(f"{client.url}/pin/link", params=query, timeout=1, stream=True) as answer:
        body = answer.iter_content(1)
        assert (next(body), next(body)) == (b"{", b'"')
        assert int(answer.headers["Content-Length"]) > 100
    assert len(client.devices()) == 1


def test_hang_links_nothing_and_does_not_answer(client: SocketClient) -> None:
    with pytest.raises(requests.ReadTimeout):
        client.put("/pin/link", "hang", timeout=0.2)
    assert client.devices() == []


def test_it_stops_at_once_although_an_answer_hangs(app: Flask) -> None:
    with serve_in_thread(app) as url:
        client = SocketClient(url)
        with pytest.raises(requests.ReadTimeout):
            client.put("/pin/link", "hang", timeout=0.2)
        start = time.monotonic()
    client.http.close()
    assert time.monotonic() - start < faults.HANG_SECONDS / 2


def test_each_viewer_gets_a_different_tv_and_another_after_an_unlink(calls: Calls) -> None:
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


def test_sticky_is_never_unlinked(calls: Calls) -> None:
    calls.link("sticky")
    assert calls.unlink("sticky").status_code == 503
    assert len(calls.devices()) == 1


def test_the_record_has_each_call_once_without_keys_and_pins(client: SocketClient) -> None:
    pins = [f"{magic.word}31337" for magic in MAGIC_PINS if magic.word not in ("trickle", "slow")]
    for pin in pins:
        try:
            client.put("/pin/link", pin, timeout=0.3)
        except requests.RequestException:
            continue
    client.put("/pin/unlink", "good31337")

    text = client.http.get(f"{client.url}/sandbox/record", timeout=3).text
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


def test_the_record_has_refused_calls_too(calls: Calls) -> None:
    calls.http.put("/pin/link", query_string={"consumer_id": "x", "pin": "good"})
    call = calls.http.get("/sandbox/record").json[0]
    assert (call["status"], call["done"], call["consumer_id"]) == (401, False, "x")


@each("word, status", [("http503", 503), ("http429", 429), ("http401", 401), ("html", 200)])
def test_sign_in_fails_by_the_local_part_of_the_email(calls: Calls, word: str, status: int) -> None:
    answer = calls.token(grant_type="password", username=f"{word}@example.com", password="any")
    assert answer.status_code == status


def test_sign_in_hangs_by_the_local_part_of_the_email(client: SocketClient) -> None:
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "password"}
    with pytest.raises(requests.ReadTimeout):
        client.http.post(
            f"{client.url}/oauth/token", {**form, "username": "hang@example.com", "password": "x"}, timeout=0.3
        )


def rows(text: str) -> list[list[str]]:
    """Return the cells of the magic PINs' table in a Markdown page."""
    table = text.partition("| PIN |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_the_documentation_has_the_table(make_app: Callable[..., Flask]) -> None:
    table = [[f"`{m.word}`", m.answer, "yes" if m.links else "no", m.outcome] for m in MAGIC_PINS]
    assert rows(DOCS.read_text(encoding="utf-8")) == table
    for account in (seed.ALICE, seed.MALLORY):
        for text in (account.email, account.password, account.id):
            assert f"`{text}`" in DOCS.read_text(encoding="utf-8")
