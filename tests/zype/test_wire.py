"""Connections kept and replaced, writes sent once, no redirects and cookies, and secrets that stay on the wire."""

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest
import requests

from portal.domain.pins import Pin
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.connections import Call
from portal.zype.deadline import Deadline
from portal.zype.errors import Unavailable, Unknown, ZypeError
from portal.zype.wire import Transport
from tests.harness.mail_servers import tcp_server
from tests.harness.timing import at_most
from tests.zype.conftest import CLIENT_SECRET, KEY, settings_for
from tests.zype.scripted_server import Connection, ScriptedServer, answer, leaks, raw

PIN = Pin("zizm529")
LINKED = answer(200, {"response": {"linked": True}})


def answer_and_close(connection: Connection) -> None:
    LINKED(connection)
    connection.close()


def test_one_connection_serves_call_after_call(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [LINKED]
    for _ in range(5):
        client.link(PIN, "consumer")
    assert server.connections == 1


def test_as_many_connections_are_kept_as_calls_may_be_in_flight(
    make_client: Callable[..., ZypeClient], server: ScriptedServer
) -> None:
    calls = 12
    client = make_client(server.url, zype_concurrency=calls)
    for _ in range(2):
        gate = threading.Barrier(calls)
        server.replies = [lambda connection, gate=gate: (gate.wait(5), LINKED(connection))]  # type: ignore[misc, list-item]
        threads = [threading.Thread(target=client.link, args=(PIN, "consumer")) for _ in range(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert server.connections == calls


def test_a_connection_that_the_host_closed_is_replaced_before_use(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer_and_close]
    for _ in range(3):
        client.link(PIN, "consumer")
        server.wait_until_closed()
    assert server.connections == 3
    assert len(server.requests) == 3


def test_a_write_is_not_sent_on_a_connection_left_idle(
    client: ZypeClient, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.link(PIN, "consumer")
    later = time.monotonic() + 4.1
    monkeypatch.setattr("portal.zype.connections.time.monotonic", lambda: later)
    client.link(PIN, "consumer")
    assert server.connections == 2


def test_a_write_is_not_retried_when_a_kept_connection_breaks(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [LINKED, Connection.close]
    client.link(PIN, "consumer")
    with pytest.raises(Unknown):
        client.link(PIN, "consumer")
    assert [request.path for request in server.requests] == ["/pin/link"] * 2


def test_a_redirect_is_not_followed(client: ZypeClient, server: ScriptedServer) -> None:
    elsewhere = ScriptedServer()
    try:
        for location in (f"{elsewhere.url}/pin/link", "/pin/link?again", "\xff\xfe", "http://[", ""):
            server.replies = [answer(307, {}, Location=location)]
            with pytest.raises(Unavailable):
                client.link(PIN, "consumer")
        assert not elsewhere.requests
        assert len(server.requests) == 5
    finally:
        elsewhere.close()


def test_cookies_are_not_kept(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(200, {"access_token": "t"}, Set_Cookie="session=x; Path=/")]
    client.token("alice@example.com", "password")
    client.token("bob@example.com", "password")
    assert "cookie" not in server.requests[1].headers


def behind_a_proxy(origin: str) -> Settings:
    """Return the settings of a portal that has to reach this origin through the proxy of its environment."""
    addresses = {"zype_api_url": origin, "zype_login_url": origin}
    return settings_for("http://127.0.0.1").model_copy(update={**addresses, "outbound_proxy": True})


def test_the_environments_proxy_is_not_used_unless_that_is_set(
    client: ZypeClient, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    client.link(PIN, "consumer")
    assert len(server.requests) == 1


def test_the_environments_proxy_is_used_if_that_is_set(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url.replace("//", "//alice:word@"))
    monkeypatch.setenv("no_proxy", "")
    client = ZypeClient(behind_a_proxy("http://zype.example:9"))
    client.link(PIN, "consumer")
    client.close()
    assert server.requests[0].target.startswith("http://zype.example:9/pin/link?consumer_id=consumer&pin=")
    assert server.requests[0].headers["host"] == "zype.example:9"
    assert server.requests[0].headers["proxy-authorization"] == "Basic YWxpY2U6d29yZA=="


def test_no_proxy_is_asked_for_this_machine(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # The sandbox, or a stand-in of Zype: a proxy elsewhere would look for it on its own machine.
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    for origin in (server.url, server.url.replace("127.0.0.1", "localhost")):
        client = ZypeClient(behind_a_proxy(origin))
        client.link(PIN, "consumer")
        client.close()
    assert [request.path for request in server.requests] == ["/pin/link"] * 2


def test_a_tunnel_that_a_proxy_refuses_means_that_nothing_was_sent(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    server.replies = [raw(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Connection.close)]
    client = ZypeClient(behind_a_proxy("https://zype.example:9"))
    with pytest.raises(Unavailable, match="could not connect"):
        client.link(PIN, "consumer")
    client.close()
    assert {(request.method, request.target) for request in server.requests} == {("CONNECT", "zype.example:9")}


def test_a_proxy_that_opens_its_tunnel_byte_by_byte_costs_the_time_to_connect(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    server.replies = [raw(b"HTTP/1.1 200 OK\r\nX: ", lambda connection: connection.trickle(b"x" * 1000, 0.02))]
    client = ZypeClient(behind_a_proxy("https://zype.example:9").model_copy(update={"zype_connect_timeout": 0.1}))
    with at_most(5), pytest.raises(Unavailable, match="timed out before sending"):
        client.link(PIN, "consumer")
    client.close()


def test_a_write_cut_off_before_its_end_was_not_sent() -> None:
    connections = []

    def reset(connection: socket.socket, _stop: threading.Event) -> None:
        connections.append(connection.recv(1))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with tcp_server(reset) as port:
        transport = Transport(settings_for(f"http://127.0.0.1:{port}"))
        # More than the buffers of a connection hold, so that the reset comes while it is sent.
        call = Call(Deadline(20), query="x=" + "y" * 8_000_000)
        with pytest.raises(Unavailable):
            transport.send("PUT", f"http://127.0.0.1:{port}", "/x", call)
        transport.close()
    assert len(connections) == 2, "it is retried once, like any failure to connect"


def test_nothing_above_the_connection_sees_the_query_or_the_form(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.replies = [
        raw(b"HTTP/1.1 404 No\r\nbad header\r\nContent-Length: 0\r\n\r\n", Connection.close),
        Connection.close,
    ]
    transport = Transport(settings_for(server.url))
    call = Call(Deadline(5), query=f"api_key={KEY}", form={"client_secret": CLIENT_SECRET})
    for _ in range(2):
        with pytest.raises(ZypeError) as caught:
            transport.send("POST", server.url, "/x", call)
        assert not leaks(caught.value, (KEY, CLIENT_SECRET))
    transport.close()
    assert server.requests[0].query == {"api_key": KEY}
    assert server.requests[0].form == {"client_secret": CLIENT_SECRET}
    assert "urllib3" in caplog.text
    assert KEY not in caplog.text
    assert CLIENT_SECRET not in caplog.text
    assert KEY not in repr(call)
    assert CLIENT_SECRET not in repr(call)


def test_the_adapter_hands_out_clean_responses_and_errors(
    client: ZypeClient, server: ScriptedServer, make_client: Callable[..., ZypeClient]
) -> None:
    session = requests.Session()
    session.mount("http://", client.login_adapter)
    with Call(Deadline(5), query=f"api_key={KEY}", form={"client_secret": CLIENT_SECRET}).active():
        response = session.post(f"{server.url}/oauth/token")
        assert KEY in server.requests[0].target
        assert CLIENT_SECRET in server.requests[0].body.decode()
        for text in (response.url, str(response.request.url), str(response.request.body), repr(vars(response))):
            assert KEY not in text
            assert CLIENT_SECRET not in text
        server.replies = [Connection.close]
        with pytest.raises(requests.ConnectionError) as caught:
            session.post(f"{server.url}/oauth/token")
    assert not leaks(caught.value, (KEY, CLIENT_SECRET))
    assert caught.value.__context__ is None
    assert caught.value.request is None
