"""Each call as it goes over the wire, and what it returns."""

from collections.abc import Callable

import pytest

from portal.domain.pins import Pin
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.errors import ContractBroken, NotFound, Unavailable
from portal.zype.payloads import DevicePin, Token, TokenInfo
from tests.zype.conftest import CLIENT_SECRET, KEY
from tests.zype.stand_in import StandIn, answer

PIN = Pin("zizm529")
CONSUMER = "5992f328ce593000ef000008"


@pytest.mark.parametrize("call", ["link", "unlink"])
def test_it_links_and_unlinks_by_pin_and_consumer(call: str, client: ZypeClient, stand_in: StandIn) -> None:
    body = {"consumer_id": CONSUMER, "linked": True, "linked_device_id": "tv-1", "pin": "zizm529"}
    stand_in.plan = [answer(200, {"response": body})]
    assert getattr(client, call)(PIN, CONSUMER) == DevicePin(CONSUMER, True, "tv-1", "zizm529")
    (seen,) = stand_in.seen
    assert (seen.method, seen.path, seen.body) == ("PUT", f"/pin/{call}", b"")
    assert seen.query == {"consumer_id": CONSUMER, "pin": "zizm529", "api_key": KEY}
    assert seen.headers["content-length"] == "0"
    assert seen.headers["accept"] == "application/json"


def test_it_asks_for_the_pin_of_a_device(client: ZypeClient, stand_in: StandIn) -> None:
    client.pin_status("a device/&?#é")
    (seen,) = stand_in.seen
    assert (seen.method, seen.path) == ("GET", "/pin/status")
    assert seen.query == {"linked_device_id": "a device/&?#é", "api_key": KEY}


def test_it_asks_for_a_consumer_by_id(client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [answer(200, {"response": {"_id": CONSUMER, "name": "Alice"}})]
    assert client.consumer(CONSUMER).name == "Alice"
    (seen,) = stand_in.seen
    assert (seen.method, seen.path, seen.query) == ("GET", f"/consumers/{CONSUMER}", {"api_key": KEY})


@pytest.mark.parametrize(
    "consumer_id", ["", ".", "..", "a/b", "../pin/link", "a?b", "a#b", "a b", "a%2Fb", "é", "a\n", "x" * 65]
)
def test_what_can_be_no_id_is_not_found_without_a_call(consumer_id: str, client: ZypeClient, stand_in: StandIn) -> None:
    with pytest.raises(NotFound):
        client.consumer(consumer_id)
    assert not stand_in.seen


def test_it_asks_for_consumers_by_email(client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [answer(200, {"response": [{"_id": CONSUMER, "email": "alice+tv@example.com"}]})]
    (found,) = client.consumers_by_email("alice+tv@example.com")
    assert (found.id, found.email) == (CONSUMER, "alice+tv@example.com")
    (seen,) = stand_in.seen
    assert (seen.method, seen.path) == ("GET", "/consumers")
    assert seen.query == {"email": "alice+tv@example.com", "per_page": "100", "api_key": KEY}


def test_it_asks_for_a_token_without_a_secret_in_the_query(client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [answer(200, {"access_token": "t", "token_type": "bearer"})]
    assert client.token("alice@example.com", "pä&ss=wörd") == Token("t", None)
    (seen,) = stand_in.seen
    assert (seen.method, seen.target) == ("POST", "/oauth/token")
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert seen.form == {
        "grant_type": "password",
        "username": "alice@example.com",
        "password": "pä&ss=wörd",
        "client_id": "made-up-client",
        "client_secret": CLIENT_SECRET,
    }


def test_it_asks_whose_token_it_is(client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [answer(200, {"resource_owner_id": CONSUMER})]
    assert client.token_info("a token") == TokenInfo(CONSUMER)
    (seen,) = stand_in.seen
    assert (seen.method, seen.path, seen.query) == ("GET", "/oauth/token/info", {"access_token": "a token"})


@pytest.mark.parametrize("body", [{}, b"", b"rubbish"])
def test_it_ends_a_token(body: object, client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [answer(200, body)]
    client.revoke("a token")
    (seen,) = stand_in.seen
    assert (seen.method, seen.target) == ("POST", "/oauth/revoke")
    assert seen.form == {"token": "a token", "client_id": "made-up-client", "client_secret": CLIENT_SECRET}


def test_the_login_service_never_gets_the_key(make_client: Callable[..., ZypeClient], stand_in: StandIn) -> None:
    login = StandIn(plan=[answer(200, {"access_token": "t", "resource_owner_id": CONSUMER})])
    try:
        client = make_client(stand_in.url, zype_login_url=login.url)
        client.link(PIN, CONSUMER)
        client.token("alice@example.com", "password")
        client.token_info("t")
        client.revoke("t")
        assert [seen.path for seen in login.seen] == ["/oauth/token", "/oauth/token/info", "/oauth/revoke"]
        assert not [seen for seen in login.seen if KEY in seen.target + seen.body.decode() + str(seen.headers)]
        assert [seen.path for seen in stand_in.seen] == ["/pin/link"]
        assert CLIENT_SECRET not in stand_in.seen[0].target
    finally:
        login.close()


def test_an_address_of_zype_may_have_a_path(make_client: Callable[..., ZypeClient], stand_in: StandIn) -> None:
    stand_in.plan = [answer(401, {"error": "invalid_grant"})]
    client = make_client(f"{stand_in.url}/stand-in")
    with pytest.raises(Exception, match=r"^POST /oauth/token: credentials not accepted"):
        client.token("alice@example.com", "password")
    assert stand_in.seen[0].target == "/stand-in/oauth/token"


def test_it_tells_an_observer_of_each_call(settings_for: Callable[..., Settings], stand_in: StandIn) -> None:
    told: list[tuple[str, str, float]] = []
    client = ZypeClient(settings_for(stand_in.url), lambda *call: told.append(call))
    client.link(PIN, CONSUMER)
    stand_in.plan = [answer(404, {"message": ""})]
    with pytest.raises(NotFound):
        client.pin_status("tv-1")
    stand_in.plan = [answer(200, {"response": {"_id": 1}})]
    with pytest.raises(ContractBroken):
        client.consumer(CONSUMER)
    stand_in.plan = [answer(429, {})]
    with pytest.raises(Unavailable):
        client.revoke("token")
    client.close()
    assert [(call, result) for call, result, _ in told] == [
        ("link", "ok"),
        ("pin_status", "not_found"),
        ("consumer", "contract_broken"),
        ("revoke", "unavailable"),
    ]
    assert all(0 < seconds < 1 for *_, seconds in told)
