"""Every documented shape of an answer is read, and every other one names the field at fault."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.zype import payloads
from portal.zype.errors import ContractBroken
from portal.zype.payloads import Answer, Consumer, DevicePin, Token, TokenInfo
from tests.harness.cases import each

PARSERS: tuple[Callable[[Answer], object], ...] = (
    payloads.device_pin,
    payloads.consumer,
    payloads.consumers,
    payloads.token,
    payloads.token_info,
)
SAMPLE = {
    "_id": "57113fc6f283474159000004",
    "consumer_id": None,
    "created_at": "2016-04-15T15:23:50.198-04:00",
    "deleted_at": None,
    "device_id": None,
    "linked_device_id": "sdkjafklsjdklfjasdf",
    "pin": "zizm529",
    "pin_expiration": "2016-04-15T15:53:50.195-04:00",
    "site_id": "5468fd6569702d17ee500000",
    "updated_at": "2016-04-15T15:23:50.198-04:00",
    "linked": False,
    "subscription_count": None,
}


def answer(body: object) -> Answer:
    return Answer("GET", "/x", 200, body if isinstance(body, bytes) else json.dumps(body).encode())


def field_at_fault(parse: Callable[[Answer], object], body: object) -> str:
    with pytest.raises(ContractBroken) as caught:
        parse(answer(body))
    assert caught.value.__context__ is None
    assert (caught.value.method, caught.value.path, caught.value.status) == ("GET", "/x", 200)
    return caught.value.field


def test_it_reads_the_sample_of_the_documentation() -> None:
    pin = payloads.device_pin(answer({"response": SAMPLE}))
    assert pin == DevicePin(consumer_id=None, linked=False, linked_device_id="sdkjafklsjdklfjasdf", pin="zizm529")
    assert "zizm529" not in repr(pin)


@each(
    "flags, linked",
    [
        ({"linked": True}, True),
        ({"linked": False}, False),
        ({"linked true": True}, True),
        ({"linked true": False}, False),
        ({"linked": True, "linked true": True}, True),
        ({"linked": True, "linked true": False}, False),
        ({"linked": False, "linked true": True}, False),
        ({"linked": None, "linked true": True}, True),
        ({"linked": None, "linked true": False}, False),
        ({"linked": None}, None),
        ({}, None),
    ],
)
def test_the_flag_goes_by_two_names_and_false_wins(flags: dict[str, Any], linked: bool | None) -> None:
    assert payloads.device_pin(answer({"response": flags})).linked is linked


def test_any_field_of_a_pin_may_be_missing_and_new_ones_may_come() -> None:
    assert payloads.device_pin(answer({"response": {"colour": {"a": [1]}}, "meta": 1})) == DevicePin(
        None, None, None, None
    )


@each("name", ["consumer_id", "linked_device_id", "pin", "linked", "linked true"])
@each("value", [0, 1, 1.5, [], {}, "\0", "\ud800"])
def test_a_field_of_a_pin_with_a_wrong_type_is_named(name: str, value: object) -> None:
    assert field_at_fault(payloads.device_pin, {"response": {name: value}}) == name


def test_a_flag_in_quotes_is_no_flag() -> None:
    assert field_at_fault(payloads.device_pin, {"response": {"linked": "true"}}) == "linked"


@each("parse", [payloads.device_pin, payloads.consumer, payloads.consumers])
@each("body", [{}, {"response": None}, {"response": "x"}, {"response": 1}, SAMPLE])
def test_an_answer_without_its_wrapper_says_so(parse: Callable[[Answer], object], body: object) -> None:
    assert field_at_fault(parse, body) == "response"


def test_one_is_not_taken_for_a_list_nor_a_list_for_one() -> None:
    assert field_at_fault(payloads.device_pin, {"response": [SAMPLE]}) == "response"
    assert field_at_fault(payloads.consumers, {"response": SAMPLE}) == "response"
    assert field_at_fault(payloads.consumers, {"response": [None]}) == "response"


CONSUMER = {
    "_id": "5992f328ce593000ef000008",
    "email": "alice@example.com",
    "name": "Alice",
    "created_at": "2017-08-15T09:12:08.000-04:00",
    "subscription_count": 1,
    "linked_devices": ["tv-1"],
    "password_token": "secret-1",
    "remember_token": "secret-2",
    "rss_token": "secret-3",
    "parental_access_code": "secret-4",
}


def test_it_reads_a_consumer_and_drops_what_it_must_not_keep() -> None:
    consumer = payloads.consumer(answer({"response": CONSUMER}))
    assert consumer == Consumer(
        id="5992f328ce593000ef000008",
        email="alice@example.com",
        name="Alice",
        created_at="2017-08-15T09:12:08.000-04:00",
        subscription_count=1,
        linked_devices=("tv-1",),
    )
    assert "secret" not in repr(consumer)


def test_a_consumer_needs_an_id_and_nothing_else() -> None:
    assert payloads.consumer(answer({"response": {"_id": "x"}})) == Consumer("x", None, None, None, None, ())
    for value in (None, "", 5):
        assert field_at_fault(payloads.consumer, {"response": {**CONSUMER, "_id": value}}) == "_id"


@each(
    "devices, ids",
    [
        (None, ()),
        ([], ()),
        ({}, ()),
        (["tv-1", "tv-2"], ("tv-1", "tv-2")),
        (["tv-1", None, "", "tv-1"], ("tv-1",)),
        ([{"linked_device_id": "tv-1", "pin": "zizm529"}, {"linked_device_id": "tv-2"}], ("tv-1", "tv-2")),
        ([{"linked_device_id": None}, {"pin": "zizm529"}], ()),
        ({"tv-1": {"pin": "zizm529"}, "tv-2": None}, ("tv-1", "tv-2")),
    ],
)
def test_linked_devices_come_in_four_shapes(devices: object, ids: tuple[str, ...]) -> None:
    body = {"response": {**CONSUMER, "linked_devices": devices}}
    assert payloads.consumer(answer(body)).linked_devices == ids


@each("devices", ["tv-1", 1, True, [1], [["tv-1"]], [True], ["\0"], {"\0": 1}])
def test_linked_devices_of_another_shape_are_named(devices: object) -> None:
    body = {"response": {**CONSUMER, "linked_devices": devices}}
    assert field_at_fault(payloads.consumer, body) == "linked_devices"


def test_the_id_of_a_linked_device_is_text() -> None:
    body = {"response": {**CONSUMER, "linked_devices": [{"linked_device_id": 7}]}}
    assert field_at_fault(payloads.consumer, body) == "linked_device_id"


@each("given_count, count", [(None, None), (0, 0), (3, 3), (2.0, 2)])
def test_a_count_is_a_whole_number(given_count: object, count: int | None) -> None:
    body = {"response": {**CONSUMER, "subscription_count": given_count}}
    assert payloads.consumer(answer(body)).subscription_count == count


@each("value", [b"true", b'"1"', b"1.5", b"1e999", b"[]"])
def test_anything_else_is_no_count(value: bytes) -> None:
    body = b'{"response": {"_id": "x", "subscription_count": ' + value + b"}}"
    assert field_at_fault(payloads.consumer, body) == "subscription_count"


def test_it_reads_a_list_of_consumers() -> None:
    body = {"response": [CONSUMER, {"_id": "y"}], "pagination": {"current": 1, "next": None}}
    assert [consumer.id for consumer in payloads.consumers(answer(body))] == [CONSUMER["_id"], "y"]
    assert payloads.consumers(answer({"response": []})) == ()


def test_a_token_does_not_print_itself() -> None:
    token = payloads.token(answer({"access_token": "secret-a", "token_type": "bearer", "refresh_token": "secret-r"}))
    assert token == Token("secret-a", "secret-r")
    assert "secret" not in repr(token)
    assert payloads.token(answer({"access_token": "a"})).refresh_token is None


@pytest.mark.parametrize("value", [None, "", 7, ["x"]])
def test_a_token_and_its_owner_have_to_be_there(value: object) -> None:
    assert field_at_fault(payloads.token, {"access_token": value}) == "access_token"
    assert field_at_fault(payloads.token_info, {"resource_owner_id": value}) == "resource_owner_id"


def test_it_reads_whose_token_it_is() -> None:
    body = {"resource_owner_id": "5992f328ce593000ef000008", "scope": [], "application": {"uid": "x"}}
    assert payloads.token_info(answer(body)) == TokenInfo("5992f328ce593000ef000008")


def test_a_byte_order_mark_does_no_harm() -> None:
    assert payloads.token(answer(b'\xef\xbb\xbf{"access_token": "a"}')).access_token == "a"


@given(body=st.binary(max_size=200), parse=st.sampled_from(PARSERS))
def test_any_bytes_are_read_or_break_the_contract(body: bytes, parse: Callable[[Answer], object]) -> None:
    with contextlib.suppress(ContractBroken):
        parse(answer(body))


BAD_IDS = ("a b", "a\tb", "a\n", "=1;\u00a0", "\u00e9", "\u202eb", "a\x7f", "x" * 201, "x" * 20_000)


def test_an_id_is_one_word_of_printable_ascii_of_a_bounded_length() -> None:
    readers: list[tuple[Callable[[Answer], Any], Callable[[str], Any], str]] = [
        (payloads.device_pin, lambda bad: {"response": {"linked_device_id": bad}}, "linked_device_id"),
        (payloads.device_pin, lambda bad: {"response": {"consumer_id": bad}}, "consumer_id"),
        (payloads.consumer, lambda bad: {"response": {"_id": bad}}, "_id"),
        (payloads.consumers, lambda bad: {"response": [{"_id": bad}]}, "_id"),
        (payloads.consumer, lambda bad: {"response": {"_id": "x", "linked_devices": [bad]}}, "linked_devices"),
        (payloads.consumer, lambda bad: {"response": {"_id": "x", "linked_devices": {bad: {}}}}, "linked_devices"),
        (
            payloads.consumer,
            lambda bad: {"response": {"_id": "x", "linked_devices": [{"linked_device_id": bad}]}},
            "linked_device_id",
        ),
        (payloads.token_info, lambda bad: {"resource_owner_id": bad}, "resource_owner_id"),
    ]
    for read, body, field in readers:
        for bad in BAD_IDS:
            assert field_at_fault(read, body(bad)) == field, (field, ascii(bad[:20]))
        read(answer(body("!" + "~" * 199)))


def test_of_a_name_only_so_much_is_kept_and_no_longer_e_mail() -> None:
    kept = payloads.consumer(answer({"response": {"_id": "x", "name": "n" * 20_000, "email": "e" * 255}}))
    assert (kept.name, kept.email) == ("n" * 200, None)
