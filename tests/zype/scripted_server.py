"""A server at the socket in place of Zype, which can reply anything, in any way, at any pace."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

Reply = Callable[["Connection"], None]


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class Connection:
    """A connection, as a reply uses it after a request."""

    sock: socket.socket
    reset: threading.Event
    is_open: bool = True

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def trickle(self, data: Iterable[int], pause: float) -> None:
        """Send byte by byte, until the client or the test ends it."""
        for byte in data:
            if self.reset.wait(pause):
                return
            self.send(bytes([byte]))

    def hang(self) -> None:
        """Send nothing until the test ends."""
        self.reset.wait(20)
        self.is_open = False

    def close(self) -> None:
        self.is_open = False


def answer(status: int, body: object = None, **headers: str) -> Reply:
    """Reply with a status, a body (anything but bytes is made JSON) and headers (_ for -)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(data)}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + data)


def raw(data: bytes, then: Reply | None = None) -> Reply:
    """Reply with these bytes, and then as another reply does."""

    def reply(connection: Connection) -> None:
        connection.send(data)
        if then:
            then(connection)

    return reply


OK = answer(200, {"response": {}})


@dataclass
class ScriptedServer:
    """Listens on loopback; gives the replies of ``replies`` in turn, the last one again and again.

    Args:
        tls: to wrap connections with, if any.
        connections_to_drop: how many connections to close as soon as they are accepted.
        requests: what was received.
        connections: how many were accepted.
    """

    tls: ssl.SSLContext | None = None
    connections_to_drop: int = 0
    replies: list[Reply] = field(default_factory=lambda: [OK])
    requests: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._reset = threading.Event()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """End every connection, and forget what was received and what was to be replied."""
        self._reset.set()
        for thread, sock in list(self._open.items()):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            thread.join(5)
        self._open.clear()
        self._reset = threading.Event()
        self.replies, self.requests, self.connections, self.connections_to_drop = [OK], [], 0, 0

    def wait_until_closed(self) -> None:
        """Return when every connection is closed from this side."""
        for thread in list(self._open):
            thread.join(5)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.connections <= self.connections_to_drop:
                sock.close()
                continue
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._open[thread] = sock
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        if self.tls:
            sock = self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            self._open[threading.current_thread()] = sock
        with contextlib.suppress(OSError), sock:
            connection = Connection(sock, self._reset)
            while connection.is_open and (request := self._receive(sock)):
                self.requests.append(request)
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                reply(connection)

    def _receive(self, sock: socket.socket) -> ReceivedRequest | None:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := sock.recv(65536)):
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rest)}
        while len(body) < int(headers.get("content-length", 0)):
            if not (more := sock.recv(65536)):
                return None
            body += more
        method, target, _ = first.split(" ")
        return ReceivedRequest(method, target, headers, body)


def leaks(error: BaseException, secrets: Iterable[str]) -> list[str]:
    """Return which of some secrets can be reached from an exception: its text, its attributes, its chain."""
    text: list[str] = []
    todo: list[Any] = [error]
    while todo:
        thing = todo.pop()
        if thing is None:
            continue
        text += [str(thing), repr(thing)]
        if isinstance(thing, BaseException):
            todo += [thing.__context__, thing.__cause__, *thing.args, *vars(thing).values()]
        elif hasattr(thing, "__dict__") and type(thing).__module__.startswith("requests"):
            todo += vars(thing).values()
    return [secret for secret in secrets if any(secret in part for part in text)]
