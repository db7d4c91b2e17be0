"""The sandbox's SMTP server: accepts every mail for every recipient, and sends none on."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread

from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.sandbox.mailbox import Mailbox

_MAX_MAIL = 64 * 1024


class _Handler:
    """aiosmtpd's handler."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content
        try:
            self._mailbox.add(content if isinstance(content, bytes) else b"", envelope.rcpt_tos)
        except (ValueError, LookupError):
            return "554 This mail can't be read"
        return "250 OK"


@contextmanager
def receive_mail(mailbox: Mailbox, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Receive mail in a thread while the block runs; yields the port, which is a free one for port 0."""
    # aiosmtpd's own controller needs five seconds to notice that the port is in use.
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    started: Future[Callable[[], object]] = Future()

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def connection() -> SMTP:
            handler = _Handler(mailbox)
            return SMTP(handler, data_size_limit=_MAX_MAIL, enable_SMTPUTF8=True, hostname="sandbox", loop=loop)

        async with await loop.create_server(connection, sock=listener):
            started.set_result(lambda: loop.call_soon_threadsafe(stop.set))
            await stop.wait()

    thread = Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    stop_serving = started.result()
    try:
        yield listener.getsockname()[1]
    finally:
        stop_serving()
        thread.join()
