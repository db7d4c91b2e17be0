"""Consumers: found by id, email or word, in pages, with devices in each shape that Zype's documentation allows."""

import json
from typing import Any

import pytest

from portal.sandbox import seed
from tests.harness.cases import each
from tests.sandbox.conftest import Calls

SECRETS = {"password_token", "remember_token", "rss_token", "parental_access_code", "stripe_id", "braintree_id"}


def ids_of(answer: Any) -> list[str]:
    """Return the ids in a list of consumers."""
    return [row["_id"] for row in answer.json["response"]]


def test_it_gives_a_consumer_by_id(calls: Calls) -> None:
    found = calls.get(f"/consumers/{seed.ALICE.id}").json["response"]
    assert (found["_id"], found["email"], found["name"]) == (seed.ALICE.id, "alice@example.com", "Alice")
    assert found["created_at"].endswith("-04:00")


def test_it_carries_the_secrets_that_a_client_must_drop(calls: Calls) -> None:
    found = calls.get(f"/consumers/{seed.ALICE.id}").json["response"]
    assert {name for name, value in found.items() if str(value).startswith("drop-this-")} == SECRETS


def test_it_knows_ten_thousand_viewers(calls: Calls) -> None:
    found = calls.get("/consumers", email="u9999@example.com").json["response"]
    assert [(row["_id"], row["name"]) for row in found] == [(f"{9999:024x}", "Viewer 9999")]


@pytest.mark.parametrize("consumer_id", ["f" * 24, "nobody", "%00", "a" * 10_000])
def test_an_unknown_id_is_not_found(calls: Calls, consumer_id: str) -> None:
    answer = calls.get(f"/consumers/{consumer_id}")
    assert answer.status_code == 404
    assert answer.json.keys() == {"message"}


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@example.com"])
def test_it_finds_by_email(calls: Calls, email: str) -> None:
    answer = calls.get("/consumers", email=email)
    assert ids_of(answer) == [seed.ALICE.id]
    assert answer.json["pagination"] == {"current": 1, "previous": None, "next": None, "per_page": 10, "pages": 1}


@each("email", ["", "alice", "alice@example", "аlice@example.com", "u10000@example.com"])
def test_a_part_or_a_look_alike_of_an_email_finds_no_consumer(calls: Calls, email: str) -> None:
    assert ids_of(calls.get("/consumers", email=email)) == []


def test_it_finds_by_word_in_pages(calls: Calls) -> None:
    second = calls.get("/consumers", q="VIEWER 12", page="2", per_page="100")
    assert len(ids_of(second)) == 11
    assert second.json["pagination"] == {"current": 2, "previous": 1, "next": None, "per_page": 100, "pages": 2}
    first = calls.get("/consumers", q="viewer 12", page="1", per_page="100")
    assert first.json["pagination"]["next"] == 2
    assert not set(ids_of(first)) & set(ids_of(second))


@pytest.mark.parametrize("query", [{"per_page": "5000"}, {"page": "0"}, {"page": "x", "per_page": "y"}])
def test_a_page_has_at_most_a_hundred_and_odd_numbers_are_no_error(calls: Calls, query: dict[str, str]) -> None:
    assert 10 <= len(ids_of(calls.get("/consumers", **query))) <= 100


@pytest.mark.parametrize(
    ("n", "none", "one"),
    [
        (4, [], ["tv"]),
        (5, [], [{"linked_device_id": "tv", "pin": "PIN"}]),
        (6, {}, {"tv": {"linked_device_id": "tv", "pin": "PIN"}}),
        (7, None, ["tv"]),
    ],
)
def test_it_lists_devices_in_each_documented_shape(calls: Calls, n: int, none: Any, one: Any) -> None:
    consumer_id = f"{n:024x}"
    assert calls.devices(consumer_id) == none
    pin = calls.acquire()
    calls.link(pin, consumer_id)
    assert json.loads(json.dumps(calls.devices(consumer_id)).replace(pin, "PIN")) == one


def test_a_token_reads_only_its_own_consumer(calls: Calls) -> None:
    bearer = {"Authorization": f"Bearer {calls.token_of(seed.ALICE)}"}
    own = calls.http.get(f"/consumers/{seed.ALICE.id}", headers=bearer)
    assert own.json["response"]["name"] == "Alice"
    for consumer_id, headers in ((seed.MALLORY.id, bearer), (seed.ALICE.id, {"Authorization": "Bearer x"})):
        assert calls.http.get(f"/consumers/{consumer_id}", headers=headers).status_code == 401
