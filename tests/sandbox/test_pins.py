"""A PIN: acquired by a TV, linked once, expired after 30 minutes."""

import random
import re

import pytest

from portal.sandbox import seed
from portal.sandbox.store import Store
from tests.sandbox.conftest import APP_KEY, Calls, Clock

DOCUMENTED = {
    *("_id", "consumer_id", "created_at", "deleted_at", "device_id", "linked_device_id", "pin", "pin_expiration"),
    *("site_id", "updated_at", "linked", "subscription_count"),
}
NOT_FOUND = {"message": "Device Pin not found"}


def test_it_gives_a_tv_a_pin_in_the_documented_shape(calls: Calls) -> None:
    answer = calls.http.post("/pin/acquire", query_string={"app_key": APP_KEY, "linked_device_id": "tv"})

    assert answer.status_code == 201
    device = answer.json["response"]
    assert device.keys() == DOCUMENTED | {"linked true"}
    assert re.fullmatch(r"[a-z0-9]{7}", device["pin"])
    assert re.fullmatch(r"[0-9a-f]{24}", device["_id"])
    assert device["created_at"] == "2026-05-04T08:00:00.000-04:00"
    assert device["pin_expiration"] == "2026-05-04T08:30:00.000-04:00"
    assert device["linked"] is False
    assert device["consumer_id"] is None


def test_a_link_sets_both_flags(calls: Calls) -> None:
    answer = calls.link(calls.acquire())

    assert answer.status_code == 200
    device = answer.json["response"]
    assert device["linked"] is device["linked true"] is True
    assert device["consumer_id"] == seed.ALICE.id
    assert device["linked_device_id"] == "tv"
    assert device["subscription_count"] == 1
    assert calls.status()["linked"] is True


def test_the_answer_to_a_link_has_no_null(calls: Calls) -> None:
    assert None not in calls.link(calls.acquire()).json["response"].values()


@pytest.mark.parametrize("second", [seed.ALICE.id, seed.MALLORY.id])
def test_it_links_a_pin_only_once_for_any_consumer(calls: Calls, second: str) -> None:
    pin = calls.acquire()
    calls.link(pin)

    answer = calls.link(pin, second)

    assert (answer.status_code, answer.json) == (404, NOT_FOUND)
    assert calls.status()["consumer_id"] == seed.ALICE.id


def test_it_links_a_pin_for_30_minutes(calls: Calls, clock: Clock) -> None:
    first, second = calls.acquire("one"), calls.acquire("two")
    clock.advance(minutes=29, seconds=59)
    assert calls.link(first).status_code == 200
    clock.advance(seconds=1)
    assert (calls.link(second).status_code, calls.link(second).json) == (404, NOT_FOUND)


def test_a_linked_pin_does_not_expire(calls: Calls, clock: Clock) -> None:
    calls.link(calls.acquire())
    clock.advance(days=2)
    assert calls.status()["linked"] is True


def test_acquiring_a_pin_invalidates_the_last_one(calls: Calls) -> None:
    first, second = calls.acquire(), calls.acquire()
    assert first != second
    assert calls.link(first).status_code == 404
    assert calls.link(second).status_code == 200


def test_acquiring_a_pin_unlinks_the_tv(calls: Calls) -> None:
    calls.link(calls.acquire())
    calls.acquire()
    assert calls.devices() == []


def test_after_an_unlink_the_pin_stays_used(calls: Calls) -> None:
    pin = calls.acquire()
    calls.link(pin)

    answer = calls.unlink(pin)

    assert answer.status_code == 200
    assert answer.json["response"]["linked"] is False
    assert answer.json["response"]["consumer_id"] is None
    assert calls.devices() == []
    assert calls.link(pin).status_code == 404
    assert calls.unlink(pin).status_code == 404


def test_the_pin_of_an_unlinked_tv_expires_at_once(calls: Calls, clock: Clock) -> None:
    pin = calls.acquire()
    calls.link(pin)
    clock.advance(minutes=1)
    calls.unlink(pin)
    assert calls.status()["pin_expiration"] == "2026-05-04T08:01:00.000-04:00"


def test_it_does_not_unlink_another_consumers_tv(calls: Calls) -> None:
    pin = calls.acquire()
    calls.link(pin)
    assert calls.unlink(pin, seed.MALLORY.id).status_code == 404
    assert calls.status()["consumer_id"] == seed.ALICE.id


def test_a_tv_without_a_pin_has_no_status(calls: Calls) -> None:
    answer = calls.get("/pin/status", linked_device_id="tv")
    assert answer.status_code == 404
    assert answer.json.keys() == {"message"}


def test_it_does_not_link_for_an_unknown_consumer(calls: Calls) -> None:
    answer = calls.link(calls.acquire(), "f" * 24)
    assert (answer.status_code, answer.json) == (404, {"message": "Consumer not found"})


def test_missing_parameters_are_refused(calls: Calls) -> None:
    acquired = calls.http.post("/pin/acquire", query_string={"app_key": APP_KEY})
    for answer in (acquired, calls.link(""), calls.link("zizm529", "")):
        assert answer.status_code == 422
        assert answer.json.keys() == {"message"}


class Draws(random.Random):
    """Randomness that draws these PINs."""

    def __init__(self, *pins: str) -> None:
        super().__init__()
        self.pins = list(pins)

    def choices(self, *_: object, **__: object) -> list[str]:
        return list(self.pins.pop(0))


def test_it_never_gives_a_tv_a_magic_pin_or_that_of_another_tv(clock: Clock) -> None:
    store = Store(clock, Draws("zizm529", "good123", "hang1ab", "zizm529", "zabc123"))
    assert [store.acquire(device).pin for device in ("one", "two")] == ["zizm529", "zabc123"]
