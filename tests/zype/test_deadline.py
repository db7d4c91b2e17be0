"""One deadline a call: nothing that Zype, its network or its name server does can stretch it."""

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from portal.domain.pins import Pin
from portal.zype.client import ZypeClient
from portal.zype.errors import Unavailable, Unknown
from portal.zype.wire import Deadline
from tests.zype.stand_in import Behaviour, Line, StandIn, answer, raw

PIN = Pin("zizm529")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
# The least that the settings allow is half a second more than the read time-out.
SHORT = {"zype_connect_timeout": 0.2, "zype_read_timeout": 0.01}
# Generous, for a busy machine; what it guards against takes twenty seconds.
AT_MOST = 2.5


def trickle(start: bytes) -> Behaviour:
    return raw(start, lambda line: line.trickle(itertools.cycle(b"x"), 0.05))


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


SLOW = {
    "silence": Line.hang,
    "a trickled status line": trickle(b"HTTP/1.1 200 "),
    "a trickled header": trickle(HEAD + b"X-Slow: "),
    "endless interim answers": raw(
        b"", lambda line: line.trickle(itertools.cycle(b"HTTP/1.1 103 Early\r\n\r\n"), 0.002)
    ),
    "a trickled body": trickle(HEAD + b"Content-Length: 100000\r\n\r\n"),
    "a trickled body of no length": trickle(HEAD + b"Connection: close\r\n\r\n"),
    "a trickled chunk": trickle(HEAD + b"Transfer-Encoding: chunked\r\n\r\n20000\r\n"),
    "a trickled size of a chunk": trickle(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;"),
}


@pytest.mark.parametrize("way", SLOW)
def test_a_slow_answer_ends_at_the_deadline(
    way: str, stand_in: StandIn, make_client: Callable[..., ZypeClient]
) -> None:
    stand_in.plan = [SLOW[way]]
    client = make_client(stand_in.url, **SHORT)
    with no_longer_than(AT_MOST), pytest.raises(Unknown) as caught:
        client.link(PIN, "consumer")
    assert "timed out" in str(caught.value)
    assert len(stand_in.seen) == 1


def test_a_read_that_timed_out_is_not_tried_again(stand_in: StandIn, make_client: Callable[..., ZypeClient]) -> None:
    stand_in.plan = [Line.hang]
    with no_longer_than(AT_MOST), pytest.raises(Unknown):
        make_client(stand_in.url, **SHORT).pin_status("a device")
    assert len(stand_in.seen) == 1


def test_a_caller_may_set_a_tighter_deadline_for_several_calls(stand_in: StandIn, client: ZypeClient) -> None:
    stand_in.plan = [answer(200, {"response": {}}), Line.hang]
    deadline = Deadline(0.3)
    with no_longer_than(1.5):
        client.pin_status("a device", deadline)
        with pytest.raises(Unknown):
            client.pin_status("a device", deadline)
        with pytest.raises(Unavailable, match="no time left"):
            client.pin_status("a device", deadline)
    assert len(stand_in.seen) == 2


@pytest.fixture
def deaf() -> Iterator[int]:
    """Yield the port of a listener whose queue is full: what connects to it gets no answer of any kind."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(3):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(address)
        yield address[1]


def test_a_host_that_does_not_answer_costs_the_time_to_connect(
    deaf: int, make_client: Callable[..., ZypeClient]
) -> None:
    client = make_client(f"http://127.0.0.1:{deaf}", zype_connect_timeout=0.3)
    with no_longer_than(1.5), pytest.raises(Unavailable, match="timed out before sending"):
        client.link(PIN, "consumer")


def test_many_addresses_share_the_time_to_connect(
    deaf: int, make_client: Callable[..., ZypeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = socket.getaddrinfo("127.0.0.1", deaf, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: one * 10)
    client = make_client(f"http://localhost:{deaf}", zype_connect_timeout=0.3)
    with no_longer_than(1.5), pytest.raises(Unavailable):
        client.link(PIN, "consumer")


def test_an_address_that_swallows_everything_leaves_time_for_the_next(
    deaf: int, stand_in: StandIn, make_client: Callable[..., ZypeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [
        address
        for port in (deaf, stand_in.port)
        for address in socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: both)
    make_client(stand_in.url, zype_connect_timeout=0.3).link(PIN, "consumer")
    assert len(stand_in.seen) == 1


def test_the_second_address_is_tried_when_the_first_refuses(
    stand_in: StandIn, make_client: Callable[..., ZypeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = StandIn()
    gone.close()
    both = [
        address
        for port in (gone.port, stand_in.port)
        for address in socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: both)
    make_client(stand_in.url).link(PIN, "consumer")
    assert len(stand_in.seen) == 1


def test_a_name_server_that_hangs_costs_the_time_to_connect(
    stand_in: StandIn, make_client: Callable[..., ZypeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*args: object, **kwargs: object) -> list[object]:
        time.sleep(2)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    client = make_client(stand_in.url, zype_connect_timeout=0.2)
    with no_longer_than(1.5), pytest.raises(Unavailable):
        client.link(PIN, "consumer")


def test_a_name_without_an_address_is_a_failure_to_connect(
    make_client: Callable[..., ZypeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unavailable, match="could not connect"):
        make_client("http://127.0.0.1:9").link(PIN, "consumer")


def test_a_deadline_counts_down_to_nothing() -> None:
    now = [100.0]
    deadline = Deadline(2, clock=lambda: now[0])
    assert deadline.spend() == 2
    now[0] = 101.5
    assert deadline.remaining() == 0.5
    now[0] = 103
    assert deadline.remaining() == 0
    with pytest.raises(TimeoutError):
        deadline.spend()
