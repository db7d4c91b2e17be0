"""Takes mail by SMTP for the sandbox: every mail for anybody, none of which goes any further."""

import asyncio
import os
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread

from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.sandbox.mailbox import Mailbox

_LARGEST_MAIL = 64 * 1024


class CannotTakeMail(OSError):
    """The address can't be listened on."""


class _Keeper:
    """What aiosmtpd hands a mail to."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content
        try:
            self._mailbox.take(content if isinstance(content, bytes) else b"", envelope.rcpt_tos)
        except (ValueError, LookupError):
            # The text says another character set than it is in, or one that does not exist.
            return "554 This mail can't be read"
        return "250 Taken"


@contextmanager
def taking_mail(mailbox: Mailbox, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Take mail from a thread of its own while the block runs.

    Args:
        mailbox: where the mails go.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.

    Yields:
        the port.

    Raises:
        CannotTakeMail: if the address can't be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # aiosmtpd's own controller takes five seconds to notice that the port is taken.
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CannotTakeMail(error.errno, f"the sandbox can't take mail on {host}:{port}: {reason}") from error
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = Thread(target=lambda: asyncio.run(_serve(listener, mailbox, started)), daemon=True)
    thread.start()
    loop, stop = started.result()
    try:
        yield listener.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def _serve(
    listener: socket.socket,
    mailbox: Mailbox,
    started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]",
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    keeper = _Keeper(mailbox)

    def connection() -> SMTP:
        return SMTP(keeper, data_size_limit=_LARGEST_MAIL, enable_SMTPUTF8=True, hostname="sandbox", loop=loop)

    async with await loop.create_server(connection, sock=listener):
        started.set_result((loop, stop))
        await stop.wait()
