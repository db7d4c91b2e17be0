"""The life of a PIN: acquired by a TV, linked once, over after 30 minutes."""

import re

import pytest

from portal.sandbox import seed
from tests.sandbox.conftest import APP_KEY, Calls, Clock

DOCUMENTED = {
    *("_id", "consumer_id", "created_at", "deleted_at", "device_id", "linked_device_id", "pin", "pin_expiration"),
    *("site_id", "updated_at", "linked", "subscription_count"),
}
NOT_THERE = {"message": "Device Pin not found"}


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


def test_it_links_a_pin_and_says_so_in_both_flags(calls: Calls) -> None:
    answer = calls.link(calls.acquire())

    assert answer.status_code == 200
    device = answer.json["response"]
    assert device["linked"] is device["linked true"] is True
    assert device["consumer_id"] == seed.ALICE.id
    assert device["linked_device_id"] == "tv"
    assert device["subscription_count"] == 1
    assert calls.status()["linked"] is True


def test_it_answers_a_link_without_null_as_the_specification_wants(calls: Calls) -> None:
    assert None not in calls.link(calls.acquire()).json["response"].values()


@pytest.mark.parametrize("second", [seed.ALICE.id, seed.MALLORY.id])
def test_it_links_a_pin_once_whoever_asks_again(calls: Calls, second: str) -> None:
    pin = calls.acquire()
    calls.link(pin)

    answer = calls.link(pin, second)

    assert (answer.status_code, answer.json) == (404, NOT_THERE)
    assert calls.status()["consumer_id"] == seed.ALICE.id


def test_it_links_a_pin_until_its_30_minutes_are_over(calls: Calls, clock: Clock) -> None:
    first, second = calls.acquire("one"), calls.acquire("two")
    clock.goes_on(minutes=29, seconds=59)
    assert calls.link(first).status_code == 200
    clock.goes_on(seconds=1)
    assert (calls.link(second).status_code, calls.link(second).json) == (404, NOT_THERE)


def test_it_keeps_a_linked_pin_as_a_credential(calls: Calls, clock: Clock) -> None:
    calls.link(calls.acquire())
    clock.goes_on(days=2)
    assert calls.status()["linked"] is True


def test_it_voids_the_last_pin_of_a_tv_that_acquires_another(calls: Calls) -> None:
    first, second = calls.acquire(), calls.acquire()
    assert first != second
    assert calls.link(first).status_code == 404
    assert calls.link(second).status_code == 200


def test_it_forgets_the_link_of_a_tv_that_acquires_another_pin(calls: Calls) -> None:
    calls.link(calls.acquire())
    calls.acquire()
    assert calls.devices() == []


def test_it_unlinks_and_lets_the_pin_stay_used_up(calls: Calls) -> None:
    pin = calls.acquire()
    calls.link(pin)

    answer = calls.unlink(pin)

    assert answer.status_code == 200
    assert answer.json["response"]["linked"] is False
    assert answer.json["response"]["consumer_id"] is None
    assert calls.devices() == []
    assert calls.link(pin).status_code == 404
    assert calls.unlink(pin).status_code == 404


def test_it_ends_the_pin_of_an_unlinked_tv_at_once(calls: Calls, clock: Clock) -> None:
    pin = calls.acquire()
    calls.link(pin)
    clock.goes_on(minutes=1)
    calls.unlink(pin)
    assert calls.status()["pin_expiration"] == "2026-05-04T08:01:00.000-04:00"


def test_it_unlinks_nobody_elses_tv(calls: Calls) -> None:
    pin = calls.acquire()
    calls.link(pin)
    assert calls.unlink(pin, seed.MALLORY.id).status_code == 404
    assert calls.status()["consumer_id"] == seed.ALICE.id


def test_it_knows_nothing_of_a_tv_that_never_asked(calls: Calls) -> None:
    answer = calls.get("/pin/status", linked_device_id="tv")
    assert answer.status_code == 404
    assert answer.json.keys() == {"message"}


def test_it_links_for_nobody_who_does_not_exist(calls: Calls) -> None:
    answer = calls.link(calls.acquire(), "f" * 24)
    assert (answer.status_code, answer.json) == (404, {"message": "Consumer not found"})


def test_it_wants_its_parameters(calls: Calls) -> None:
    acquired = calls.http.post("/pin/acquire", query_string={"app_key": APP_KEY})
    for answer in (acquired, calls.link(""), calls.link("zizm529", "")):
        assert answer.status_code == 422
        assert answer.json.keys() == {"message"}


def test_it_never_gives_a_tv_a_magic_pin(calls: Calls) -> None:
    assert not [pin for n in range(300) if seed.magic(pin := calls.acquire(f"tv-{n}"))]
