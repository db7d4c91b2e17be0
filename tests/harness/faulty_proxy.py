"""A proxy over TLS in front of the sandbox, which fails as networks and servers do, at the calls that a test picks."""

import contextlib
import itertools
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.harness.certificates import make_authority

SECONDS = 20.0
# Closing with this sends RST, which a peer takes for a broken connection.
RESET = struct.pack("ii", 1, 0)
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
RUBBISH = b"\x16\x03\x01 220 mail.example ESMTP\r\n\x00\xff\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<p>Gateway</p>\r\n"


class Fault(StrEnum):
    """What the proxy does instead of passing a call to link on, or its answer back."""

    NONE = "none"
    # With a new connection, before there is a request.
    REFUSE = "refuses connections"
    RESET_HANDSHAKE = "resets the connection before the request"
    HANG_HANDSHAKE = "accepts the connection and hangs"
    WRONG_CERTIFICATE = "presents a certificate of another name"
    # With a request, which Zype never gets.
    RESET_REQUEST = "resets the connection after the request, which is lost"
    HANG = "hangs after the request, which is lost"
    REDIRECT = "redirects"
    # With the answer, after Zype has done what it was asked.
    RESET_ANSWER = "resets the connection after the request, before the answer"
    HANG_ANSWER = "hangs before the answer"
    TRICKLE = "sends the answer a byte at a time"
    CUT_HEAD = "ends the answer in its head"
    CUT_BODY = "ends the answer in its body"
    RUBBISH = "answers what is no HTTP"
    PAGE = "answers a page in place of the data"


OF_CONNECTIONS = (Fault.REFUSE, Fault.RESET_HANDSHAKE, Fault.HANG_HANDSHAKE, Fault.WRONG_CERTIFICATE)
OF_REQUESTS = (Fault.RESET_REQUEST, Fault.HANG, Fault.REDIRECT)
OF_ANSWERS = tuple(fault for fault in Fault if fault not in (Fault.NONE, *OF_CONNECTIONS, *OF_REQUESTS))


class FaultyProxy:
    """A proxy that passes everything on, but for the faults that a test picks.

    Args:
        target: the sandbox's origin.
        folder: for its certificates.
    """

    def __init__(self, target: str, folder: Path) -> None:
        authority = make_authority(folder)
        self.bundle = authority.bundle
        self.pick: Callable[[str], Fault] = lambda pin: Fault.NONE
        # What happens to the next connection.
        self.pick_for_connection: Callable[[], Fault] = lambda: Fault.NONE
        # Consumer and PIN of each whole call to link that has arrived here.
        self.received: list[tuple[str, str]] = []
        self._target = urlsplit(target).netloc
        self._right = authority.server_context("127.0.0.1")
        self._wrong = authority.server_context("zype.example")
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._port: int = self._listener.getsockname()[1]
        self._accept_in_thread()

    @property
    def url(self) -> str:
        """Where it is, for PORTAL_ZYPE_API_URL."""
        return f"https://127.0.0.1:{self._port}"

    @contextlib.contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Fail so at every call to link, or at every connection, while the block runs."""
        if fault not in OF_CONNECTIONS:
            self.pick = lambda pin: fault
        else:
            self.pick_for_connection = lambda: fault
            self._end_connections()
        try:
            with self.refusing() if fault is Fault.REFUSE else contextlib.nullcontext():
                yield
        finally:
            self.pick, self.pick_for_connection = (lambda pin: Fault.NONE), (lambda: Fault.NONE)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse new connections while the block runs; those that are open stay so."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(SECONDS)
        try:
            yield
        finally:
            self._listener = socket.create_server(("127.0.0.1", self._port), backlog=256)
            self._accept_in_thread()

    def close(self) -> None:
        """End every connection."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(SECONDS)
        self._end_connections()

    def _end_connections(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept_in_thread(self) -> None:
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    def _accept(self, listener: socket.socket) -> None:
        # It ends when the listener is closed.
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(listener.accept()[0],), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        fault = self.pick_for_connection()
        with contextlib.suppress(OSError), raw:
            if fault is Fault.HANG_HANDSHAKE:
                self._stopping.wait(SECONDS)
            elif fault is Fault.RESET_HANDSHAKE:
                # The client has begun: Python leaves a socket open that is gone before that.
                raw.recv(65536)
                _reset(raw)
            else:
                context = self._wrong if fault is Fault.WRONG_CERTIFICATE else self._right
                raw.settimeout(SECONDS)
                with context.wrap_socket(raw, server_side=True) as connection:
                    self._open.add(connection)
                    try:
                        self._pass_on(connection)
                    finally:
                        self._open.discard(connection)

    def _pass_on(self, connection: ssl.SSLSocket) -> None:
        upstream = HTTPConnection(self._target, timeout=SECONDS)
        # It ends with the client, or with the sandbox.
        with contextlib.closing(upstream), contextlib.suppress(HTTPException), connection.makefile("rb") as stream:
            while first := stream.readline():
                method, target, _ = first.decode("latin-1").split(" ")
                headers = dict(_headers(stream))
                body = stream.read(int(headers.get("content-length", 0)))
                # The sandbox answers requests for its own address alone.
                del headers["host"]
                fault = self._fault_of(method, target)
                if fault in OF_REQUESTS:
                    return self._lose(fault, connection)
                upstream.request(method, target, body, headers)
                answer = upstream.getresponse()
                content = answer.read()
                head = f"HTTP/1.1 {answer.status} {answer.reason}\r\nContent-Length: {len(content)}\r\n"
                kept = ("content-type", "retry-after", "location")
                head += "".join(f"{name}: {value}\r\n" for name, value in answer.getheaders() if name.lower() in kept)
                if fault is not Fault.NONE:
                    return self._distort(fault, connection, f"{head}\r\n".encode(), content)
                connection.sendall(f"{head}\r\n".encode() + content)
        return None

    def _fault_of(self, method: str, target: str) -> Fault:
        parts = urlsplit(target)
        if (method, parts.path) != ("PUT", "/pin/link"):
            return Fault.NONE
        query = parse_qs(parts.query)
        self.received.append((query["consumer_id"][0], query["pin"][0]))
        return self.pick(query["pin"][0])

    def _lose(self, fault: Fault, connection: ssl.SSLSocket) -> None:
        match fault:
            case Fault.RESET_REQUEST:
                _reset(connection)
            case Fault.HANG:
                self._stopping.wait(SECONDS)
            case Fault.REDIRECT:
                connection.sendall(REDIRECT)

    def _distort(self, fault: Fault, connection: ssl.SSLSocket, head: bytes, content: bytes) -> None:
        match fault:
            case Fault.RESET_ANSWER:
                _reset(connection)
            case Fault.HANG_ANSWER:
                self._stopping.wait(SECONDS)
            case Fault.TRICKLE:
                for byte in itertools.chain(head, content):
                    if self._stopping.wait(0.1):
                        return
                    connection.sendall(bytes([byte]))
            case _:
                distorted = {
                    Fault.CUT_HEAD: head[:20],
                    Fault.CUT_BODY: head + content[: len(content) // 2],
                    Fault.RUBBISH: RUBBISH,
                    Fault.PAGE: PAGE,
                }
                connection.sendall(distorted[fault])


@contextlib.contextmanager
def faulty_proxy(target: str, folder: Path) -> Iterator[FaultyProxy]:
    """Run a proxy in front of a sandbox while the block runs."""
    proxy = FaultyProxy(target, folder)
    try:
        yield proxy
    finally:
        proxy.close()


def _headers(stream: object) -> Iterator[tuple[str, str]]:
    while line := stream.readline().decode("latin-1").strip():  # type: ignore[attr-defined]
        name, _, value = line.partition(":")
        yield name.lower(), value.strip()


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    # Not the end of TLS first: that would be an orderly end.
    socket.socket(fileno=connection.detach()).close()
