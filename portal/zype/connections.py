"""Connections to Zype: urllib3 opens them, through proxies too, keeps them and verifies TLS.

Requests and answers pass it by: that takes a third of the time, and keeps promises that none of its options covers.

1. One deadline a call. A socket's time-out is per read, so an answer that arrives byte by byte could hold a
   thread for hours. Here every look-up, connect, send and read gets what is left of the call's time.
2. No secret in a log or an exception. The query holds the key, the PIN or a token; urllib3, which logs URLs, never
   sees it.
3. ``Call.sent`` is right: it is False only if Zype can't have received the whole request.
4. An interim answer (1xx), or what follows an answer, is never taken for the answer.
5. A write is never sent on a connection that Zype may be closing at that moment.
"""

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from portal.zype.answers import Received
from portal.zype.deadline import Deadline

# Common servers close an idle connection after five seconds or more. A request that crosses such a close is
# lost, and it is unknown whether it was done.
_MAX_IDLE_SECONDS = 4.0


@dataclass
class Call:
    """What a connection needs to know of the call that it serves, and what it reports of the last request.

    Args:
        deadline: when the call has to end.
        query: added to the request line, URL-encoded; a secret.
        form: the fields of the body; a secret.
        sent: whether the whole request may have left this machine.
        status: the status of the answer, once there is one.
        retry_after: its Retry-After header.
    """

    deadline: Deadline
    query: str = field(default="", repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    sent: bool = False
    status: int | None = None
    retry_after: str | None = None

    def is_answered(self) -> bool:
        """Return whether an answer came."""
        return self.status is not None

    @contextmanager
    def active(self) -> Iterator["Call"]:
        """Make this the call that requests of another client, made by this thread, belong to."""
        token = active_call.set(self)
        try:
            yield self
        finally:
            active_call.reset(token)


class Limits(NamedTuple):
    """How many seconds a connection may take to be open, and how many the other side may be silent."""

    connect: float
    read: float


active_call: ContextVar[Call | None] = ContextVar("active_call", default=None)


class _Reader(io.RawIOBase):
    """What a proxy answers before its tunnel is open; each read gets what is left of the time to connect."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw = raw
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._deadline.timeout())
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TunnelResponse(http.client.HTTPResponse):
    """A proxy's answer to CONNECT."""

    def __init__(self, deadline: Deadline, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, deadline))


class _Connection(HTTPConnection):
    """A connection, which serves one call after the other; ``deadline`` is the one of the call that opens it."""

    deadline: Deadline
    _last_used = 0.0

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._last_used < _MAX_IDLE_SECONDS and super().is_connected

    def _new_conn(self) -> socket.socket:
        try:
            deadline = Deadline(min(self.timeout or 0.0, self.deadline.timeout()))
            sock = _connect(self._dns_host, self.port, deadline, self.socket_options or ())
            # The TLS handshake is part of connecting, and so is opening a proxy's tunnel.
            sock.settimeout(deadline.timeout())
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, "could not connect") from error
        self.response_class = partial(_TunnelResponse, deadline)  # type: ignore[assignment]  # It is only called.
        return sock

    def exchange(self, request: bytes, call: Call, read_seconds: float) -> Received:
        """Send a request, and return the answer. Raises OSError or BrokenAnswer."""
        self.sock.settimeout(call.deadline.timeout())
        self._last_used = time.monotonic()
        call.sent = True
        try:
            self.sock.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            # The connection was already closed, so the last bytes of the request never left. An answer may be there.
            call.sent = False
        received = Received()
        received.read(self.sock, call.deadline, read_seconds)
        return received


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class Connections(HTTPConnectionPool):
    """The connections to one origin that are kept open."""

    ConnectionCls = _Connection

    def exchange(self, request: bytes, call: Call, limits: Limits) -> Received:
        """Send a request once, on a connection that nobody else uses, and return the answer.

        Raises:
            NewConnectionError, ConnectTimeoutError: there is no connection.
            OSError, http.client.HTTPException, HTTPError, BrokenAnswer: it broke, timed out, or has another fault.
        """
        connection: Any = self._get_conn()
        is_kept = False
        try:
            if connection.is_closed:
                connection.deadline, connection.timeout = call.deadline, limits.connect
                self._open(connection)
            received: Received = connection.exchange(request, call, limits.read)
            is_kept = received.keeps_connection
            return received
        finally:
            if not is_kept:
                connection.close()
            self._put_conn(connection)

    def _open(self, connection: Any) -> None:
        if self.proxy:
            self._prepare_proxy(connection)
        if connection.is_closed:
            connection.connect()


class _TLSConnections(Connections, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


POOLS = {"http": Connections, "https": _TLSConnections}


def _connect(host: str, port: int, deadline: Deadline, options: Iterable[Any]) -> socket.socket:
    """Connect to the first address of a host that accepts.

    The addresses share the time evenly: one that never answers leaves time for the next.
    """
    failure: OSError = OSError("the name has no address")
    addresses = _look_up(host.strip("[]"), port, deadline)
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(deadline.timeout() / (len(addresses) - tried))
            sock.connect(address)
        except OSError as error:
            failure = error
            sock.close()
        else:
            return sock
    raise failure


def _look_up(host: str, port: int, deadline: Deadline) -> list[Any]:
    """Return a host's addresses. The system's look-up takes no time-out, so a thread of its own waits for it."""
    addresses: Future[list[Any]] = Future()

    def look_up() -> None:
        try:
            addresses.set_result(socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            addresses.set_exception(error)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    return addresses.result(deadline.timeout())
