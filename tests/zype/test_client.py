"""Each call as it goes over the wire, and what it returns."""

import time
from collections.abc import Callable
from contextlib import closing, suppress

import pytest

from portal.domain.pins import Pin
from portal.zype.client import ZypeClient
from portal.zype.errors import ContractBroken, Misconfigured, NotFound, Unavailable
from portal.zype.payloads import DevicePin, Token, TokenInfo
from tests.harness.cases import each
from tests.zype.conftest import CLIENT_SECRET, KEY, settings_for
from tests.zype.scripted_server import ScriptedServer, answer

PIN = Pin("zizm529")
CONSUMER = "5992f328ce593000ef000008"


@pytest.mark.parametrize("call", ["link", "unlink"])
def test_it_links_and_unlinks_by_pin_and_consumer(call: str, client: ZypeClient, server: ScriptedServer) -> None:
    body = {"consumer_id": CONSUMER, "linked": True, "linked_device_id": "tv-1", "pin": "zizm529"}
    server.replies = [answer(200, {"response": body})]
    assert getattr(client, call)(PIN, CONSUMER) == DevicePin(CONSUMER, True, "tv-1", "zizm529")
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("PUT", f"/pin/{call}", b"")
    assert request.query == {"consumer_id": CONSUMER, "pin": "zizm529", "api_key": KEY}
    assert request.headers["content-length"] == "0"
    assert request.headers["accept"] == "application/json"


APP_KEY = "made-up-app-key"
PIN_CALLS: list[Callable[[ZypeClient], object]] = [
    lambda client: client.link(PIN, CONSUMER),
    lambda client: client.unlink(PIN, CONSUMER),
    lambda client: client.pin_status("a device"),
]


@each("call", PIN_CALLS)
def test_calls_about_a_pin_go_with_the_app_key_where_there_is_one(
    call: Callable[[ZypeClient], object], server: ScriptedServer
) -> None:
    server.requests.clear()
    with closing(ZypeClient(settings_for(server.url, zype_app_key=APP_KEY))) as client:
        call(client)
        with suppress(ContractBroken):
            client.consumers_by_email("alice@example.com")
    about_a_pin, about_a_viewer = server.requests
    assert about_a_pin.query["app_key"] == APP_KEY
    assert "api_key" not in about_a_pin.query
    assert about_a_viewer.query["api_key"] == KEY
    assert "app_key" not in about_a_viewer.query


def test_a_viewers_own_token_reads_their_account(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(200, {"response": {"_id": CONSUMER, "name": "Alice"}})]
    assert client.own_consumer(CONSUMER, "made-up-token").name == "Alice"
    (request,) = server.requests
    assert (request.path, request.query) == (f"/consumers/{CONSUMER}", {"access_token": "made-up-token"})


def test_without_an_admin_key_no_account_is_read(make_client: Callable[..., ZypeClient]) -> None:
    client = make_client("http://127.0.0.1:9", zype_app_key=APP_KEY, zype_api_key=None)
    for call in (lambda: client.consumer(CONSUMER), lambda: client.consumers_by_email("alice@example.com")):
        with pytest.raises(Misconfigured, match="no Admin key"):
            call()


def test_it_asks_for_the_pin_of_a_device(client: ZypeClient, server: ScriptedServer) -> None:
    client.pin_status("a device/&?#é")
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/pin/status")
    assert request.query == {"linked_device_id": "a device/&?#é", "api_key": KEY}


def test_it_asks_for_a_consumer_by_id(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(200, {"response": {"_id": CONSUMER, "name": "Alice"}})]
    assert client.consumer(CONSUMER).name == "Alice"
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("GET", f"/consumers/{CONSUMER}", {"api_key": KEY})


@each("consumer_id", ["", ".", "..", "a/b", "../pin/link", "a?b", "a#b", "a b", "a%2Fb", "é", "a\n", "x" * 65])
def test_a_malformed_id_is_not_found_without_a_call(
    consumer_id: str, client: ZypeClient, server: ScriptedServer
) -> None:
    with pytest.raises(NotFound):
        client.consumer(consumer_id)
    assert not server.requests


def test_it_asks_for_consumers_by_email(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(200, {"response": [{"_id": CONSUMER, "email": "alice+tv@example.com"}]})]
    (found,) = client.consumers_by_email("alice+tv@example.com")
    assert (found.id, found.email) == (CONSUMER, "alice+tv@example.com")
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/consumers")
    assert request.query == {"email": "alice+tv@example.com", "per_page": "100", "api_key": KEY}


def test_it_asks_for_a_token_without_a_secret_in_the_query(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(200, {"access_token": "t", "token_type": "bearer"})]
    assert client.token("alice@example.com", "pä&ss=wörd") == Token("t", None)
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/oauth/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.form == {
        "grant_type": "password",
        "username": "alice@example.com",
        "password": "pä&ss=wörd",
        "client_id": "made-up-client",
        "client_secret": CLIENT_SECRET,
    }


def test_it_asks_whose_token_it_is(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(200, {"resource_owner_id": CONSUMER})]
    assert client.token_info("a token") == TokenInfo(CONSUMER)
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("GET", "/oauth/token/info", {"access_token": "a token"})


@pytest.mark.parametrize("body", [{}, b"", b"rubbish"])
def test_it_ends_a_token(body: object, client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(200, body)]
    client.revoke("a token")
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/oauth/revoke")
    assert request.form == {"token": "a token", "client_id": "made-up-client", "client_secret": CLIENT_SECRET}


def test_the_login_service_never_gets_the_key(make_client: Callable[..., ZypeClient], server: ScriptedServer) -> None:
    login = ScriptedServer(replies=[answer(200, {"access_token": "t", "resource_owner_id": CONSUMER})])
    try:
        client = make_client(server.url, zype_login_url=login.url)
        client.link(PIN, CONSUMER)
        client.token("alice@example.com", "password")
        client.token_info("t")
        client.revoke("t")
        assert [request.path for request in login.requests] == ["/oauth/token", "/oauth/token/info", "/oauth/revoke"]
        assert not [received for received in login.requests if KEY in str(received)]
        assert [request.path for request in server.requests] == ["/pin/link"]
        assert CLIENT_SECRET not in server.requests[0].target
    finally:
        login.close()


def test_an_address_of_zype_may_have_a_path(make_client: Callable[..., ZypeClient], server: ScriptedServer) -> None:
    server.replies = [answer(401, {"error": "invalid_grant"})]
    client = make_client(f"{server.url}/stand-in")
    with pytest.raises(Exception, match=r"^POST /oauth/token: credentials not accepted"):
        client.token("alice@example.com", "password")
    assert server.requests[0].target == "/stand-in/oauth/token"


def test_it_tells_an_observer_of_each_call(server: ScriptedServer) -> None:
    observed: list[tuple[str, str, float]] = []
    start = time.monotonic()
    client = ZypeClient(settings_for(server.url), lambda *call: observed.append(call))
    client.link(PIN, CONSUMER)
    server.replies = [answer(404, {"message": ""})]
    with pytest.raises(NotFound):
        client.pin_status("tv-1")
    server.replies = [answer(200, {"response": {"_id": 1}})]
    with pytest.raises(ContractBroken):
        client.consumer(CONSUMER)
    server.replies = [answer(429, {})]
    with pytest.raises(Unavailable):
        client.revoke("token")
    client.close()
    assert [(call, result) for call, result, _ in observed] == [
        ("link", "ok"),
        ("pin_status", "not_found"),
        ("consumer", "contract_broken"),
        ("revoke", "unavailable"),
    ]
    assert 0 < sum(seconds for *_, seconds in observed) < time.monotonic() - start
