"""Where an answer ends: by its length, its chunks or the end of the connection, and never by two of them."""

import socket

import pytest

from portal.zype.answers import BrokenAnswer, Received
from portal.zype.deadline import Deadline
from portal.zype.payloads import BODY_LIMIT
from tests.harness.cases import each

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = OK + b"Content-Length: 2\r\n\r\n{}"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def receive(data: bytes) -> Received:
    """Return what is received from a connection that ends after these bytes."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)
        theirs.setblocking(False)
        theirs.send(data)
        theirs.shutdown(socket.SHUT_WR)
        received = Received()
        received.read(ours, Deadline(5), 5)
        return received


@each(
    "data, body, keeps",
    [
        (LENGTH, b"{}", True),
        (CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\nRetry-After: 9\r\n\r\n", b"{}", True),
        (OK + b"\r\n{}", b"{}", False),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", b"{}", False),
        (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", b"{}", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + LENGTH, b"{}", True),
        # What follows an answer is not part of it, and no answer to anybody else.
        (LENGTH + b"HTTP/1.1 404 No\r\nRetry-After: 9\r\nContent-Length: 2\r\n\r\n[]", b"{}", False),
        (LENGTH + b"rubbish", b"{}", False),
        (LENGTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + LENGTH, b"{}", False),
    ],
)
def test_an_answer_ends_where_it_says(data: bytes, body: bytes, keeps: bool) -> None:
    received = receive(data)

    assert received.status == (204 if not body else 200)
    assert received.content() == body
    assert received.keeps_connection is keeps
    assert not received.headers.keys() & {b"link", b"retry-after"}


@each(
    "data",
    [
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        OK + b"Content-Length: -2\r\n\r\n{}",
        OK + b"Content-Length : 2\r\n\r\n{}",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        CHUNKED + b"2;" + b"x" * 70_000 + b"\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 12_000 + b"\r\n",
    ],
)
def test_an_answer_that_can_be_read_in_two_ways_or_does_not_end_is_broken(data: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        receive(data)


def test_no_more_of_a_body_is_read_than_its_limit() -> None:
    received = receive(OK + b"Content-Length: 2000000\r\n\r\n" + b"x" * 2_000_000)

    assert len(received.content()) == BODY_LIMIT + 1
    assert not received.keeps_connection
