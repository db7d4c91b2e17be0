"""A stand-in for Zype down at the socket, which can answer anything, in any way, at any pace."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

Behaviour = Callable[["Line"], None]


@dataclass(frozen=True)
class Seen:
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
class Line:
    """A connection, as a behaviour sees it after a request."""

    sock: socket.socket
    closing: threading.Event
    keep: bool = True

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def trickle(self, data: Iterable[int], pause: float) -> None:
        """Send byte by byte, until the other side or the test has had enough."""
        for byte in data:
            if self.closing.wait(pause):
                return
            self.say(bytes([byte]))

    def hang(self) -> None:
        self.closing.wait(20)
        self.keep = False

    def hang_up(self) -> None:
        self.keep = False


def answer(status: int, body: object = None, **headers: str) -> Behaviour:
    """Behave: answer with a status, a body (anything but bytes is made JSON) and headers (_ for -)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(data)}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + data)


def raw(data: bytes, then: Behaviour | None = None) -> Behaviour:
    """Behave: send these bytes, and then behave otherwise, if told to."""

    def behave(line: Line) -> None:
        line.say(data)
        if then:
            then(line)

    return behave


@dataclass
class StandIn:
    """Listens on loopback; answers with the behaviours in ``plan`` in turn, the last one for ever.

    Args:
        tls: what to wrap connections with, if anything.
        connections_to_drop: how many connections to close as soon as they are there.
    """

    tls: ssl.SSLContext | None = None
    connections_to_drop: int = 0
    plan: list[Behaviour] = field(default_factory=lambda: [answer(200, {"response": {}})])
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _listen(self) -> None:
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
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(0.05)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            if self.tls:
                sock.settimeout(5)
                sock = stack.enter_context(self.tls.wrap_socket(sock, server_side=True))
                sock.settimeout(0.05)
            line = Line(sock, self._closing)
            while line.keep and (request := self._read(sock)):
                self.seen.append(request)
                behave = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
                behave(line)

    def _read(self, sock: socket.socket) -> Seen | None:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := self._receive(sock)):
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rest)}
        while len(body) < int(headers.get("content-length", 0)):
            body += self._receive(sock)
        method, target, _ = first.split(" ")
        return Seen(method, target, headers, body)

    def _receive(self, sock: socket.socket) -> bytes:
        while not self._closing.is_set():
            try:
                return sock.recv(65536)
            except TimeoutError:
                continue
        return b""


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
