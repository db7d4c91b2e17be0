"""Real mail servers on loopback ports, which take, refuse, hang or are down, as a test wants it."""

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


def read(content: bytes) -> EmailMessage:
    """Return a mail as a mail program reads it."""
    # What a mail server calls a line's end is of no matter to a reader.
    return message_from_bytes(content.replace(b"\r\n", b"\n"), EmailMessage, policy=policy.SMTPUTF8)


@dataclass
class MailServer:
    """What a mail server does, and what it took.

    Args:
        refused: the answer to each recipient that is not taken, such as ``550 No such mailbox``.
        at_the_end: the answer to a whole mail that is not taken.
        hanging: whether it says nothing after the recipient is named, until it is stopped.
        options: of aiosmtpd's server.
        taken: every mail that it took, as it came.
        secured: for each of those whether it came over TLS.
        signed_in: the names and passwords that were given.
        port: where it listens.
    """

    refused: dict[str, str] = field(default_factory=dict)
    at_the_end: str | None = None
    hanging: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    signed_in: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Where it is, for PORTAL_SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def mails(self) -> list[EmailMessage]:
        """The mails that it took, read as a mail program reads them."""
        return [read(content) for _, content in self.taken]

    @property
    def recipients(self) -> list[str]:
        """Whom it was told to bring them to."""
        return [to for to, _ in self.taken]

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.hanging:
            await asyncio.sleep(60)
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.at_the_end:
            return self.at_the_end
        content = envelope.content
        assert isinstance(content, bytes)
        self.taken.extend((to, content) for to in envelope.rcpt_tos)
        self.secured.extend(session.ssl is not None for _ in envelope.rcpt_tos)
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        """Let everybody in but who has the wrong password."""
        self.signed_in.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password != b"wrong", handled=False)

    @contextmanager
    def running(self, tls: ssl.SSLContext | None = None) -> Iterator["MailServer"]:
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
def speaking(behave: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Listen on a port, which is yielded, and do something with each connection, in turn, while the block runs."""
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(5)
                    behave(connection, stop)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            thread.join(6)


@contextmanager
def scripted(*lines: bytes) -> Iterator[int]:
    """Run a server that says the first line at once, and each of the others when it was told something."""

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        for line in lines:
            connection.sendall(line)
            told = b""
            end = b"\r\n.\r\n" if line.startswith(b"354") else b"\r\n"
            while not told.endswith(end) and (more := connection.recv(65536)):
                told += more

    with speaking(behave) as port:
        yield port


@contextmanager
def trickling(begins_with: bytes) -> Iterator[int]:
    """Run a server that begins as told, and goes on with a byte now and then, and never ends."""

    def behave(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(begins_with)
        while not stop.wait(0.05):
            connection.sendall(b"x")

    with speaking(behave) as port:
        yield port
