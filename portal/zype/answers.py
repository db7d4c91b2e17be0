"""Reading an answer of Zype's from a connection: whole, within the call's deadline, and no more than a limit.

What is an answer is decided by httptools, the parser of Node.js. It allows no second opinion on where an answer ends:
the bytes behind it would be read as the answer to another viewer.
"""

import io
import socket

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from urllib3 import HTTPResponse
from urllib3.exceptions import DecodeError

from portal.zype.deadline import Deadline
from portal.zype.payloads import BODY_LIMIT

_READ_BYTES = 16 * 1024
# What an answer may have besides its body: status line, headers, interim answers, sizes of chunks.
_HEAD_LIMIT = 64 * 1024


class BrokenAnswer(Exception):
    """What was received is no answer, or not a whole one. It holds nothing of what was received."""


class Received:
    """An answer as it is received; an interim one (1xx) before it leaves no trace.

    Args:
        status: 0 until all headers are there.
        headers: by their names in lower case.
        body: not decoded; cut one byte after BODY_LIMIT.
        keeps_connection: another request may follow on the same connection.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = bytearray()
        self.keeps_connection = False
        self._is_whole = False
        self._received = 0
        self._parser = HttpResponseParser(self)

    def read(self, sock: socket.socket, deadline: Deadline, seconds: float) -> None:
        """Read all of the answer.

        Args:
            seconds: how long the other side may be silent.

        Raises:
            TimeoutError: it did not come or end in time.
            OSError: the connection broke.
            BrokenAnswer: it ended too early, or is no answer.
        """
        while not self._is_whole:
            sock.settimeout(min(seconds, deadline.timeout()))
            if data := sock.recv(_READ_BYTES):
                self._feed(data)
            else:
                self._end()
        # It refers to this object, which only the garbage collector would free then.
        del self._parser

    def content(self) -> bytes:
        """Return the body, decoded and cut again; empty if its content encoding is broken."""
        encoding = self.headers.get(b"content-encoding")
        if encoding is None:
            return bytes(self.body)
        headers = {"Content-Encoding": encoding.decode("latin-1")}
        try:
            coded = HTTPResponse(io.BytesIO(self.body), headers, preload_content=False)
            return coded.read(BODY_LIMIT + 1, decode_content=True)
        except DecodeError:
            return b""

    def _feed(self, data: bytes) -> None:
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.keeps_connection = False
            if not self._is_whole:
                raise BrokenAnswer from None
        if len(self.body) > BODY_LIMIT:
            del self.body[BODY_LIMIT + 1 :]
            self.keeps_connection, self._is_whole = False, True
        elif self._received - len(self.body) > _HEAD_LIMIT:
            raise BrokenAnswer

    def _end(self) -> None:
        """The connection was closed: that ends an answer whose length is not stated, and breaks off any other."""
        if self.status < 200 or self.headers.keys() & {b"content-length", b"transfer-encoding"}:
            raise BrokenAnswer
        self._is_whole = True

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        if self._is_whole:
            raise BrokenAnswer
        self.status = 0
        self.headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes behind a body in chunks is left out.
        if not self.status:
            self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        if self.status >= 200:
            self._is_whole = True
            self.keeps_connection = self._parser.should_keep_alive()
