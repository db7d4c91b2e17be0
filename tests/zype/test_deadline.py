"""One deadline a call: neither Zype nor its network nor its name server can exceed it."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from portal.domain.pins import Pin
from portal.zype.client import ZypeClient
from portal.zype.connections import Call
from portal.zype.deadline import Deadline
from portal.zype.errors import Unavailable, Unknown
from portal.zype.wire import Transport
from tests.harness.servers import free_port
from tests.harness.timing import at_most
from tests.zype.conftest import settings_for
from tests.zype.scripted_server import OK, Connection, Reply, ScriptedServer, answer, raw

PIN = Pin("zizm529")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
# Generous, for a busy machine; what it guards against takes twenty seconds.
AT_MOST = 5


def trickle(start: bytes) -> Reply:
    return raw(start, lambda connection: connection.trickle(itertools.cycle(b"x"), 0.05))


SLOW = {
    "silence": Connection.hang,
    "a trickled status line": trickle(b"HTTP/1.1 200 "),
    "a trickled header": trickle(HEAD + b"X-Slow: "),
    "endless interim answers": raw(
        b"", lambda connection: connection.trickle(itertools.cycle(b"HTTP/1.1 103 Early\r\n\r\n"), 0.002)
    ),
    "a trickled body": trickle(HEAD + b"Content-Length: 100000\r\n\r\n"),
    "a trickled body of no length": trickle(HEAD + b"Connection: close\r\n\r\n"),
    "a trickled chunk": trickle(HEAD + b"Transfer-Encoding: chunked\r\n\r\n20000\r\n"),
    "a trickled size of a chunk": trickle(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;"),
}


@pytest.mark.parametrize("way", SLOW)
def test_a_slow_answer_ends_at_the_deadline(way: str, server: ScriptedServer, client: ZypeClient) -> None:
    server.replies = [SLOW[way]]
    with at_most(AT_MOST), pytest.raises(Unknown) as caught:
        client.link(PIN, "consumer", Deadline(0.2))
    assert "timed out" in str(caught.value)
    assert len(server.requests) == 1


def test_silence_ends_at_the_read_time_out_and_the_call_within_its_deadline(
    server: ScriptedServer, make_client: Callable[..., ZypeClient]
) -> None:
    server.replies = [OK, Connection.hang, OK, trickle(HEAD + b"X-Slow: ")]
    client = make_client(server.url, zype_read_timeout=0.2)
    client.link(PIN, "consumer")
    with at_most(AT_MOST), pytest.raises(Unknown):
        client.link(PIN, "consumer", Deadline(20))
    client.link(PIN, "consumer")
    deadline = Deadline(0.5)
    with at_most(AT_MOST), pytest.raises(Unknown):
        client.link(PIN, "consumer", deadline)
    assert not deadline.remaining()


def test_sending_on_a_kept_connection_ends_at_the_deadline(server: ScriptedServer) -> None:
    def answer_and_stop_reading(connection: Connection) -> None:
        OK(connection)
        connection.hang()

    server.replies = [answer_and_stop_reading]
    transport = Transport(settings_for(server.url, zype_connect_timeout=20))
    transport.send("PUT", server.url, "/x", Call(Deadline(20)))
    # More than the buffers of a connection hold.
    with at_most(AT_MOST), pytest.raises(Unknown):
        transport.send("PUT", server.url, "/x", Call(Deadline(1), query="x=" + "y" * 8_000_000))
    transport.close()
    assert server.connections == 1


def test_a_read_that_timed_out_is_not_retried(server: ScriptedServer, make_client: Callable[..., ZypeClient]) -> None:
    server.replies = [Connection.hang]
    with at_most(AT_MOST), pytest.raises(Unknown):
        make_client(server.url, zype_read_timeout=0.01).pin_status("a device")
    assert len(server.requests) == 1


def test_a_caller_may_set_one_deadline_for_several_calls(server: ScriptedServer, client: ZypeClient) -> None:
    server.replies = [answer(200, {"response": {}}), Connection.hang]
    deadline = Deadline(0.3)
    with at_most(AT_MOST):
        client.pin_status("a device", deadline)
        with pytest.raises(Unknown):
            client.pin_status("a device", deadline)
        with pytest.raises(Unavailable, match="no time left"):
            client.pin_status("a device", deadline)
    assert len(server.requests) == 2


def test_every_call_keeps_to_the_deadline_of_its_caller(server: ScriptedServer, client: ZypeClient) -> None:
    deadline = Deadline(0)
    calls: list[Callable[[], object]] = [
        lambda: client.link(PIN, "consumer", deadline),
        lambda: client.unlink(PIN, "consumer", deadline),
        lambda: client.pin_status("a device", deadline),
        lambda: client.consumer("consumer", deadline),
        lambda: client.consumers_by_email("alice@example.com", deadline),
        lambda: client.token("alice@example.com", "password", deadline),
        lambda: client.token_info("a token", deadline),
        lambda: client.revoke("a token", deadline),
    ]
    for call in calls:
        with pytest.raises(Unavailable, match="no time left"):
            call()
    assert not server.requests


@pytest.fixture
def full_port() -> Iterator[int]:
    """The port of a listener whose queue is full: who connects to it gets no answer of any kind."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(3):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(address)
        yield address[1]


def test_a_host_that_does_not_answer_costs_the_time_to_connect(
    full_port: int, make_client: Callable[..., ZypeClient]
) -> None:
    client = make_client(f"http://127.0.0.1:{full_port}", zype_connect_timeout=0.1)
    with at_most(AT_MOST), pytest.raises(Unavailable, match="timed out before sending"):
        client.link(PIN, "consumer")


@pytest.mark.parametrize("call", ["link", "pin_status"])
def test_a_time_out_at_connecting_is_not_retried(
    call: str, full_port: int, make_client: Callable[..., ZypeClient], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="urllib3")
    client = make_client(f"http://127.0.0.1:{full_port}", zype_connect_timeout=0.1)
    with pytest.raises(Unavailable, match="timed out before sending"):
        client.link(PIN, "consumer") if call == "link" else client.pin_status("a device")
    started = [record for record in caplog.records if record.getMessage().startswith("Starting new HTTP connection")]
    assert len(started) == 1


def test_many_addresses_share_the_time_to_connect(
    full_port: int, make_client: Callable[..., ZypeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = socket.getaddrinfo("127.0.0.1", full_port, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: one * 100)
    client = make_client(f"http://localhost:{full_port}", zype_connect_timeout=0.2)
    with at_most(AT_MOST), pytest.raises(Unavailable):
        client.link(PIN, "consumer")


def test_an_address_that_never_answers_leaves_time_for_the_next(
    full_port: int, server: ScriptedServer, make_client: Callable[..., ZypeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [
        address
        for port in (full_port, server.port)
        for address in socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: both)
    make_client(server.url, zype_connect_timeout=0.3).link(PIN, "consumer")
    assert len(server.requests) == 1


def test_the_second_address_is_tried_when_the_first_refuses(
    server: ScriptedServer, make_client: Callable[..., ZypeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [
        address
        for port in (free_port(), server.port)
        for address in socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: both)
    make_client(server.url).link(PIN, "consumer")
    assert len(server.requests) == 1


def test_a_name_server_that_hangs_costs_the_time_to_connect(
    server: ScriptedServer, make_client: Callable[..., ZypeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = threading.Event()

    def hang(*args: object, **kwargs: object) -> list[object]:
        is_over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    client = make_client(server.url, zype_connect_timeout=0.1)
    with at_most(AT_MOST), pytest.raises(Unavailable):
        client.link(PIN, "consumer")
    is_over.set()


def test_a_name_without_an_address_is_a_failure_to_connect(
    make_client: Callable[..., ZypeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unavailable, match="could not connect"):
        make_client("http://127.0.0.1:9").link(PIN, "consumer")


def test_a_deadline_counts_down_to_zero() -> None:
    now = [100.0]
    deadline = Deadline(2, clock=lambda: now[0])
    assert deadline.timeout() == 2
    now[0] = 101.5
    assert deadline.remaining() == 0.5
    now[0] = 103
    assert deadline.remaining() == 0
    with pytest.raises(TimeoutError):
        deadline.timeout()
