"""Real mail servers on loopback ports that accept, refuse, hang or are down, as a test sets them."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


def parse_message(content: bytes) -> EmailMessage:
    """Return a message as a mail program reads it."""
    # Python's parser keeps the line ends of the wire, which a mail program does not show.
    return message_from_bytes(content.replace(b"\r\n", b"\n"), EmailMessage, policy=policy.SMTPUTF8)


@dataclass
class MailServer:
    """How a mail server answers, and what it accepted.

    Args:
        refused: the answer for each recipient that is refused, such as ``550 No such mailbox``.
        data_refusal: the answer to a whole message, if it is refused.
        hangs: whether it answers nothing to a recipient, for as long as this is set.
        options: of aiosmtpd's server.
        accepted: recipient and content of every message that it accepted.
        used_tls: for each of those whether it came over TLS.
        logins: the user names and passwords that were sent.
        rcpt_received: set when a recipient was received.
        port: where it listens.
    """

    refused: dict[str, str] = field(default_factory=dict)
    data_refusal: str | None = None
    hangs: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    used_tls: list[bool] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    rcpt_received: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        """Where it is, for PORTAL_SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def messages(self) -> list[EmailMessage]:
        """The messages that it accepted, as a mail program reads them."""
        return [parse_message(content) for _, content in self.accepted]

    @property
    def recipients(self) -> list[str]:
        """The recipient of each."""
        return [to for to, _ in self.accepted]

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.rcpt_received.set()
        while self.hangs:
            await asyncio.sleep(0.01)
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data_refusal:
            return self.data_refusal
        content = envelope.content
        assert isinstance(content, bytes)
        self.accepted.extend((to, content) for to in envelope.rcpt_tos)
        self.used_tls.extend(session.ssl is not None for _ in envelope.rcpt_tos)
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        """Accept every login except the password ``wrong``."""
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password != b"wrong", handled=False)

    @contextmanager
    def serve_in_thread(self, tls: ssl.SSLContext | None = None) -> Iterator["MailServer"]:
        """Serve while the block runs; on the same port each time.

        Args:
            tls: for TLS from the first byte.
        """
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        started: Future[Callable[[], None]] = Future()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener, tls, started)), daemon=True)
        thread.start()
        stop = started.result(5)
        try:
            yield self
        finally:
            stop()
            thread.join(5)

    async def _serve(
        self, listener: socket.socket, tls: ssl.SSLContext | None, started: "Future[Callable[[], None]]"
    ) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def connection() -> SMTP:
            given = {"enable_SMTPUTF8": True, "hostname": "mail.test", "loop": loop} | self.options
            return SMTP(self, **given)

        async with await loop.create_server(connection, sock=listener, ssl=tls):
            started.set_result(lambda: loop.call_soon_threadsafe(stop.set) and None)
            await stop.wait()


@contextmanager
def tcp_server(handle: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Call ``handle`` with each connection, one after the other, while the block runs; yields the port.

    Args:
        handle: its second argument is an event that is set at the end of the block.
    """
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(5)
                    handle(connection, stop)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(6)


@contextmanager
def scripted(*lines: bytes) -> Iterator[int]:
    """Run a server that sends the first line at once, and each of the others after a command."""

    def handle(connection: socket.socket, _stop: threading.Event) -> None:
        for line in lines:
            connection.sendall(line)
            received = b""
            end = b"\r\n.\r\n" if line.startswith(b"354") else b"\r\n"
            while not received.endswith(end) and (more := connection.recv(65536)):
                received += more

    with tcp_server(handle) as port:
        yield port


@contextmanager
def trickling(start: bytes) -> Iterator[int]:
    """Run a server that sends ``start`` and then a byte every 20 ms, without an end."""

    def handle(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(start)
        while not stop.wait(0.02):
            connection.sendall(b"x")

    with tcp_server(handle) as port:
        yield port
