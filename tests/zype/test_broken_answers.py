"""Answers that break off, answers that are no HTTP, and interim answers."""

import pytest

from portal.domain.pins import Pin
from portal.zype.client import ZypeClient
from portal.zype.errors import NotFound, Unknown
from tests.harness.cases import each
from tests.zype.conftest import CLIENT_SECRET, KEY, error_of, new_client
from tests.zype.scripted_server import Connection, Reply, ScriptedServer, answer, leaks, raw

PIN = Pin("zizm529")
CONSUMER = "5992f328ce593000ef000008"
SECRETS = (KEY, CLIENT_SECRET, PIN.secret)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def cut(data: bytes) -> Reply:
    """Reply with these bytes and close the connection."""
    return raw(data, Connection.close)


BROKEN = {
    "closed without an answer": Connection.close,
    "not HTTP": cut(b"\x00\xff rubbish\r\n\r\n"),
    "status line cut": cut(b"HTTP/1.1 2"),
    "status zero": cut(b"HTTP/1.1 000 OK\r\n\r\n"),
    "another protocol": cut(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "switching protocols": cut(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
    "body cut": cut(HEAD + b'Content-Length: 100\r\n\r\n{"response": {}'),
    "chunk cut": cut(HEAD + b"Transfer-Encoding: chunked\r\n\r\n20\r\n{}"),
    "chunk of no size": cut(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "endless header": cut(HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n"),
    "endless headers": cut(HEAD + b"X: y\r\n" * 12_000 + b"\r\n"),
}


@each("way", BROKEN)
def test_a_broken_answer_to_a_write_leaves_the_outcome_unknown(way: str, server: ScriptedServer) -> None:
    server.replies = [BROKEN[way]]
    with new_client(server) as client:
        error = error_of(lambda: client.link(PIN, CONSUMER))
    assert type(error) is Unknown
    assert not error.retryable
    assert error.status is None
    assert len(server.requests) == 1
    assert not leaks(error, SECRETS)


@each("way", BROKEN)
def test_a_get_whose_connection_broke_is_retried_once(way: str, server: ScriptedServer) -> None:
    server.replies = [BROKEN[way], answer(200, {"response": {"pin": "zizm529"}})]
    with new_client(server) as client:
        assert client.pin_status("a device").pin == "zizm529"
        server.replies = [BROKEN[way]]
        error = error_of(lambda: client.pin_status("a device"))
    assert type(error) is Unknown
    assert len(server.requests) == 4


@pytest.mark.parametrize("interim", [100, 102, 103])
def test_an_interim_answer_is_not_taken_for_the_answer(
    interim: int, client: ZypeClient, server: ScriptedServer
) -> None:
    early = b"HTTP/1.1 %d Early\r\nLink: </a>\r\n\r\n" % interim
    server.replies = [
        raw(early * 2 + HEAD + b'Content-Length: 32\r\n\r\n{"response": {"pin": "zizm529"}}'),
        answer(404, {"message": "no"}),
    ]
    assert client.link(PIN, CONSUMER).pin == "zizm529"
    assert type(error_of(lambda: client.link(PIN, CONSUMER))) is NotFound


def test_what_follows_an_answer_is_not_taken_for_the_next(client: ZypeClient, server: ScriptedServer) -> None:
    linked = HEAD + b'Content-Length: 32\r\n\r\n{"response": {"pin": "zizm529"}}'
    server.replies = [raw(linked * 2), answer(404, {"message": "no"})]
    client.link(PIN, CONSUMER)
    assert type(error_of(lambda: client.link(PIN, CONSUMER))) is NotFound
    assert server.connections == 2
