"""Somebody with a browser of their own: a cookie jar, a kept connection, and the forms of the last page."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlencode

from tests.benchmarks.http_connection import Answer, ConnectionEnded, HTTPConnection
from tests.benchmarks.result_pages import hidden_fields
from tests.benchmarks.zype_stand_in import consumer_id


class Visitor:
    """A viewer, or an agent.

    Args:
        number: of the viewer at the stand-in for Zype; an agent helps the viewer of the same number. Each has an
            address of its own on loopback, as viewers have at home.
        port: of the server on loopback.
        timeout: seconds that an answer may take.
    """

    def __init__(self, number: int, port: int, timeout: float) -> None:
        self.number = number
        self.consumer_id = consumer_id(number)
        self.cookies: dict[str, str] = {}
        self.page = b""
        self._port = port
        self._timeout = timeout
        self._connection: HTTPConnection | None = None

    async def get(self, path: str) -> Answer:
        """Open a page, and keep it for its forms."""
        answer = await self._send("GET", path, b"")
        self.page = answer.body
        return answer

    async def post(self, path: str, fields: Mapping[str, str], action: str = "") -> Answer:
        """Send the form of the last page that leads to this path, or to another action, with these fields too.

        A page that comes back is kept; a redirect leaves the last one, whose form can be sent again.
        """
        form = {**hidden_fields(self.page, action or path), **fields}
        answer = await self._send("POST", path, urlencode(form).encode())
        if answer.status != 303:
            self.page = answer.body
        return answer

    def twin(self) -> "Visitor":
        """Return another connection of this browser, with its cookies and its page."""
        other = Visitor(self.number, self._port, self._timeout)
        other.cookies, other.page = self.cookies, self.page
        return other

    def leave(self) -> None:
        """Close the browser, and forget its cookies."""
        self.cookies.clear()
        self.page = b""
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    async def _send(self, method: str, path: str, body: bytes) -> Answer:
        request = self._head(method, path, body) + body
        was_kept = self._connection is not None and not self._connection.is_closed
        try:
            answer = await (await self._connected()).send(request, self._timeout)
        except ConnectionEnded:
            # The server may close a kept connection at any time. Only a GET may be sent again, as browsers do.
            if method != "GET" or not was_kept:
                raise
            answer = await (await self._connected()).send(request, self._timeout)
        for name, value in answer.headers:
            if name == b"set-cookie":
                self._keep(value.decode("latin-1"))
        return answer

    async def _connected(self) -> HTTPConnection:
        if self._connection is None or self._connection.is_closed:
            loop = asyncio.get_running_loop()
            own = f"127.1.{self.number >> 8}.{self.number % 256}", 0
            _, self._connection = await loop.create_connection(HTTPConnection, "127.0.0.1", self._port, local_addr=own)
        return self._connection

    def _head(self, method: str, path: str, body: bytes) -> bytes:
        origin = f"http://127.0.0.1:{self._port}"
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self._port}",
            "Accept: text/html",
            "Accept-Language: en",
        ]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if method == "POST":
            lines += [
                f"Origin: {origin}",
                "Content-Type: application/x-www-form-urlencoded",
                f"Content-Length: {len(body)}",
            ]
        return "\r\n".join([*lines, "", ""]).encode()

    def _keep(self, cookie: str) -> None:
        pair, *attributes = cookie.split(";")
        name, _, value = pair.partition("=")
        if any(attribute.strip().lower() == "max-age=0" for attribute in attributes) or not value:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value
