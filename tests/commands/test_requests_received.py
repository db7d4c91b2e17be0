"""Requests are handed on when all of their bytes are there; what is broken or too large is refused."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from gunicorn.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.commands.requests_received import MAX_HEAD_BYTES, RequestRefused, RequestsReceived
from portal.pages.web.bodies import MAX_BODY_BYTES
from tests.harness.cases import each

CONFIG = Config()
FORM = b"POST /activate HTTP/1.1\r\nHost: tv.example.com\r\n"
CHUNKED = FORM + b"Transfer-Encoding: chunked\r\n\r\n"


def received(*parts: bytes) -> Iterator[tuple[str, bytes] | None]:
    """Yield, after each part, the path and the body of each request that is whole, and then none."""
    requests = RequestsReceived(CONFIG, ("192.0.2.1", 40000))
    for part in parts:
        requests.add(part)
        while request := requests.next_request():
            yield request.path, request.body.read()
        yield None


def bodies(*parts: bytes) -> list[bytes]:
    return [found[1] for found in received(*parts) if found]


def chunks(*contents: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(content), content) for content in (*contents, b""))


WHOLE = {
    FORM + b"\r\n": b"",
    FORM + b"Content-Length: 0\r\n\r\n": b"",
    FORM + b"Content-Length: 11\r\n\r\npin=gcut001": b"pin=gcut001",
    CHUNKED + chunks(b"pin=", b"gcut001"): b"pin=gcut001",
    CHUNKED + b"B;name=value\r\npin=gcut001\r\n0\r\nExpires: never\r\n\r\n": b"pin=gcut001",
    FORM + b"Content-Length: %d\r\n\r\n" % MAX_BODY_BYTES + b"a" * MAX_BODY_BYTES: b"a" * MAX_BODY_BYTES,
    CHUNKED + chunks(b"a" * MAX_BODY_BYTES): b"a" * MAX_BODY_BYTES,
}


@each("request_", [request for request in WHOLE if len(request) < 1000])
def test_a_request_is_handed_on_with_its_last_byte_however_it_is_cut(request_: bytes) -> None:
    for cut in range(1, len(request_)):
        assert list(received(request_[:cut], request_[cut:])) == [None, ("/activate", WHOLE[request_]), None], cut
    *head, last = [bytes([byte]) for byte in request_]
    assert not any(received(*head))
    assert bodies(*head, last) == [WHOLE[request_]]


def test_a_body_of_the_largest_size_is_accepted() -> None:
    for request, body in WHOLE.items():
        assert bodies(request) == [body]


def test_requests_that_are_sent_together_are_handed_on_one_after_another() -> None:
    for first, body in WHOLE.items():
        for cut in (1, len(FORM), len(first) - 1, len(first), len(first) + 1, len(first) + len(FORM)):
            both = first + FORM + b"Content-Length: 1\r\n\r\nb"
            assert bodies(both[:cut], both[cut:]) == [body, b"b"]


BROKEN = {
    400: [
        FORM + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        FORM + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        FORM + b"Content-Length: 5, 5\r\n\r\n",
        FORM + b"Content-Length: -5\r\n\r\n",
        FORM + b"Content-Length: +5\r\n\r\n",
        FORM + b"Content-Length: 0x5\r\n\r\n",
        FORM + b"Content-Length: five\r\n\r\n",
        FORM + b"Content-Length:\r\n\r\n",
        FORM + b"Content-Length: \xb2\r\n\r\n",
        FORM + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        FORM + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        FORM + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        FORM + b"Transfer-Encoding: chunked, chunked\r\n\r\n",
        FORM + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        FORM + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        FORM + b"Transfer-Encoding: identity\r\n\r\n",
        FORM + b"Transfer-Encoding: xchunked\r\n\r\n",
        FORM + b"Transfer-Encoding : chunked\r\n\r\n",
        FORM.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n",
        FORM + b"Expect: miracles\r\n\r\n",
        FORM + b"Host: mallory.example\r\n\r\n",
        FORM + b"Folded: a\r\n b\r\n\r\n",
        FORM + b"Name: zero\x00\r\n\r\n",
        b"GET /activate HTTP/1.1\n\n",
        b"GET /activate HTTP/1.1\r\nA: b\n",
        b"GET /activate?pin= zizm529 HTTP/1.1\r\n\r\n",
        b"GET /activate\r\n\r\n",
        b"get /activate HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        CHUNKED + b"ZZpin=gcut001\r\n",
        CHUNKED + b"0x5\r\nhello\r\n",
        CHUNKED + b"-5\r\nhello\r\n",
        CHUNKED + b" 5\r\nhello\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"5;" + b"a" * 2000,
        CHUNKED + b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhelloXX0\r\n\r\n",
        CHUNKED + b"0\r\nno trailer\r\n\r\n",
        CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
    ],
    413: [
        FORM + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        FORM + b"Content-Length: 99999999999999999999\r\n\r\n",
        CHUNKED + b"10001\r\n",
        CHUNKED + b"ffffffffffffffff\r\n",
        CHUNKED + chunks(b"a" * MAX_BODY_BYTES, b"b"),
        CHUNKED + chunks(*[b"a"] * 30_000),
        CHUNKED + b"0\r\n" + b"Trailer: a\r\n" * 20_000,
    ],
    414: [
        b"GET /" + b"a" * 4100 + b" HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * MAX_HEAD_BYTES,
    ],
    431: [
        FORM + b"Cookie: " + b"a" * 8200 + b"\r\n\r\n",
        FORM + b"A: b\r\n" * 101 + b"\r\n",
        FORM + b"Cookie: %b\r\n" % (b"a" * 8000) * 5,
    ],
}


@pytest.mark.parametrize("status", sorted(BROKEN))
def test_what_is_broken_or_too_large_is_refused_and_not_repeated(status: int) -> None:
    for request in BROKEN[status]:
        with pytest.raises(RequestRefused) as refused:
            list(received(request))
        assert refused.value.status == status, request[:100]
        assert refused.value.why.isalnum(), "no part of what was sent"
        assert refused.value.__suppress_context__ or not refused.value.__context__


@settings(max_examples=40)
@given(st.binary(max_size=60), st.lists(st.integers(0, 200), max_size=5))
def test_anything_else_is_waited_for_or_refused(noise: bytes, cuts: list[int]) -> None:
    for start in (b"", FORM, CHUNKED):
        data = start + noise
        parts = [data[a:b] for a, b in pairwise([0, *sorted(cuts), len(data)])]
        with suppress(RequestRefused):
            assert len(bodies(*parts)) <= 15
