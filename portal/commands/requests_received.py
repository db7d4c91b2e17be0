"""Requests as their bytes arrive: a request is handed on when all of it is there, and never waited for."""

import re
from io import BytesIO
from typing import Any

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.http.message import Request
from gunicorn.http.unreader import Unreader

from portal.pages.web.bodies import MAX_BODY_BYTES

MAX_HEAD_BYTES = 32 * 1024
# Each chunk brings its size along, and small ones are allowed.
MAX_CHUNKED_BYTES = 2 * MAX_BODY_BYTES
MAX_CHUNK_LINE_BYTES = 1024

_LINE_END = b"\r\n"
_HEAD_END = b"\r\n\r\n"
# Control characters, and a line feed that ends no line. What is not HTTP at all, such as TLS, is known by them.
_NEVER_IN_A_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?", re.DOTALL)
_STATUSES = {LimitRequestLine: 414, LimitRequestHeaders: 431}


class RequestRefused(Exception):
    """What has arrived is not, and does not become, a request that the portal reads.

    Args:
        status: of the answer.
        why: for the log, in one word; never anything that was sent.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(status, why)
        self.status = status
        self.why = why


class _Memory(Unreader):  # type: ignore[misc]
    """What gunicorn's parser reads from: what has arrived, and then the end."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.unread(data)

    def chunk(self, size_hint: int | None = None) -> bytes:
        return b""


class RequestsReceived:
    """What one client has sent: the beginning of a request, perhaps all of it, perhaps the next ones too.

    Args:
        cfg: gunicorn's, with its limits.
        client: the address of the peer.
    """

    def __init__(self, cfg: Any, client: Any) -> None:
        self._cfg = cfg
        self._client = client
        self._data = bytearray()
        # So far nothing before this position ends a head.
        self._searched = 0
        self._request: Any = None
        self._memory = _Memory(b"")
        self._count = 0
        # Where the next chunk begins, and how much the ones before it hold.
        self._chunk = 0
        self._chunk_bytes = 0

    @property
    def has_begun(self) -> bool:
        """Whether a part of a request is there that was not handed on."""
        return bool(self._data) or self._request is not None

    def take_continue(self) -> bool:
        """Return whether the client waits to be told to send the body; true once a request."""
        request = self._request
        if request is None or self._data or not request._expected_100_continue:
            return False
        request._expected_100_continue = False
        return True

    def add(self, data: bytes) -> None:
        """Add what has arrived."""
        self._data += data

    def next_request(self) -> Any:
        """Return gunicorn's request, with its body in memory, or none if not all of it is there.

        Raises RequestRefused, after which nothing more can be read.
        """
        self._request = self._request or self._read_head()
        body = None if self._request is None else self._read_body()
        if body is None:
            return None
        request, self._request = self._request, None
        request._expected_100_continue = False
        request.body = BytesIO(body)
        return request

    def _read_head(self) -> Any:
        end = self._data.find(_HEAD_END, max(0, self._searched - len(_HEAD_END) + 1))
        length = end if end >= 0 else len(self._data)
        if _NEVER_IN_A_HEAD.search(self._data, self._searched, length):
            raise RequestRefused(400, "NotHTTP")
        if length > MAX_HEAD_BYTES:
            is_one_line = self._data.find(_LINE_END, 0, MAX_HEAD_BYTES) < 0
            raise RequestRefused(414 if is_one_line else 431, "HeadTooLarge")
        self._searched = len(self._data)
        return self._parse(self._take(end + len(_HEAD_END))) if end >= 0 else None

    def _parse(self, head: bytes) -> Any:
        self._count += 1
        self._memory = _Memory(head)
        try:
            request = Request(self._cfg, self._memory, self._client, self._count)
        except Exception as error:
            # It is the client's fault, whatever the parser makes of it, and its message quotes what was sent.
            raise RequestRefused(_STATUSES.get(type(error), 400), type(error).__name__) from None
        self._searched = self._chunk = self._chunk_bytes = 0
        return request

    def _read_body(self) -> bytes | None:
        reader = self._request.body.reader
        if isinstance(reader, LengthReader):
            if reader.length > MAX_BODY_BYTES:
                raise RequestRefused(413, "BodyTooLarge")
            return self._take(reader.length) if len(self._data) >= reader.length else None
        if isinstance(reader, ChunkedReader):
            return self._read_chunks()
        return b""

    def _read_chunks(self) -> bytes | None:
        codings = [value.lower() for name, value in self._request.headers if name == "TRANSFER-ENCODING"]
        if codings != ["chunked"]:
            raise RequestRefused(400, "UnsupportedTransferCoding")
        end = self._end_of_chunks()
        if (end or len(self._data)) > MAX_CHUNKED_BYTES:
            raise RequestRefused(413, "BodyTooLarge")
        if end is None:
            return None
        self._memory.unread(self._take(end))
        try:
            body: bytes = self._request.body.read()
        except Exception as error:
            raise RequestRefused(400, type(error).__name__) from None
        return body

    def _end_of_chunks(self) -> int | None:
        """Return where the chunked body ends, or none if not all of it is there. The parser checks it afterwards."""
        while (line_end := self._data.find(_LINE_END, self._chunk)) >= 0:
            size = self._chunk_size(line_end)
            if size == 0:
                return self._end_of_trailers(line_end + len(_LINE_END))
            self._chunk_bytes += size
            if self._chunk_bytes > MAX_BODY_BYTES:
                raise RequestRefused(413, "BodyTooLarge")
            self._chunk = line_end + size + 2 * len(_LINE_END)
        if len(self._data) - self._chunk > MAX_CHUNK_LINE_BYTES:
            raise RequestRefused(400, "InvalidChunkSize")
        return None

    def _chunk_size(self, line_end: int) -> int:
        size = _CHUNK_SIZE.fullmatch(self._data, self._chunk, line_end)
        if not size:
            raise RequestRefused(400, "InvalidChunkSize")
        return int(size[1], 16)

    def _end_of_trailers(self, start: int) -> int | None:
        if self._data.startswith(_LINE_END, start):
            return start + len(_LINE_END)
        end = self._data.find(_HEAD_END, start)
        return end + len(_HEAD_END) if end >= 0 else None

    def _take(self, count: int) -> bytes:
        """Return so many bytes from the beginning, and forget them."""
        taken = bytes(self._data[:count])
        del self._data[:count]
        return taken
