"""An HTTP client of a few lines, for load: one kept connection, one request at a time, hardly any cost."""

import asyncio
from typing import NamedTuple

Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """A whole answer. The names of headers are in lower case."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> str:
        """Return a header's value, or an empty text."""
        return next((value.decode("latin-1") for found, value in self.headers if found == name), "")


class ConnectionEnded(Exception):
    """The server closed the connection before the answer was whole."""


class HTTPConnection(asyncio.Protocol):
    """One connection to a server on loopback, which is open until ``is_closed``."""

    def __init__(self) -> None:
        self.is_closed = False
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what was waiting for an answer."""
        self.is_closed = True
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionEnded())

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; when it is whole, whoever waits for it goes on."""
        self._received += data
        answer = parse(self._received)
        if answer is None or self._answer is None or self._answer.done():
            return
        self._received = b""
        if answer.header(b"connection").lower() == "close":
            self.close()
        self._answer.set_result(answer)

    def close(self) -> None:
        """Close the connection."""
        self.is_closed = True
        self._transport.close()

    async def send(self, request: bytes, seconds: float) -> Answer:
        """Send a request and return the answer.

        Raises:
            ConnectionEnded: the server closed the connection.
            TimeoutError: there was no answer within so many seconds.
        """
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError:
            self.close()
            raise


def parse(received: bytes) -> Answer | None:
    """Return the answer, or None while a part of it is missing."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = head.split(b"\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    answer = Answer(int(first.split(b" ", 2)[1]), headers, body)
    if answer.header(b"transfer-encoding") == "chunked":
        content = dechunked(body)
        return None if content is None else answer._replace(body=content)
    return answer if len(body) >= int(answer.header(b"content-length") or 0) else None


def dechunked(body: bytes) -> bytes | None:
    """Return what is in the chunks, or None while one is missing."""
    content = b""
    while True:
        size, end, rest = body.partition(b"\r\n")
        if not end:
            return None
        length = int(size, 16)
        if len(rest) < length + 2:
            return None
        if length == 0:
            return content
        content, body = content + rest[:length], rest[length + 2 :]
