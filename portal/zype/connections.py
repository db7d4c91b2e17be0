"""Connections to Zype: urllib3's own, changed where they would break a promise.

requests and urllib3 make the calls, keep connections open and verify TLS. None of their options covers the
following, so the classes below replace those parts of a connection:

1. One deadline a call. A socket's time-out is per read, so an answer that arrives byte by byte could hold a
   thread for hours. Here every look-up, connect, send and read gets what is left of the call's time.
2. No secret in a log or an exception. The query holds the key, the PIN or a token. The connection itself adds
   it to the request line; requests and urllib3, which log URLs, get a URL without it.
3. ``Call.sent`` is right: it is False only if Zype can't have received the whole request.
4. An interim answer (1xx) is never taken for the answer.
5. A write is never sent on a connection that Zype may be closing at that moment.

requests and urllib3 pass no data of a caller to a connection, so it finds its call in a context variable.
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
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

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
        """Make this the call that the connections used by this thread serve."""
        token = active_call.set(self)
        try:
            yield self
        finally:
            active_call.reset(token)


active_call: ContextVar[Call | None] = ContextVar("active_call", default=None)


def _require_call() -> Call:
    call = active_call.get()
    if call is None:
        raise RuntimeError("a connection to Zype is used outside a call")
    return call


class _Reader(io.RawIOBase):
    """What a connection receives; each read gets the socket's time-out, or what is left of the call's time."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw = raw
        self._socket = sock
        self._read_seconds = sock.gettimeout() or 0.0
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(min(self._read_seconds, self._deadline.timeout()))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose status line and headers, like its body, are read within the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, _require_call().deadline))

    def begin(self) -> None:
        super().begin()
        # The standard library takes "103 Early Hints" for the answer. The real answer would then be read as
        # the answer to the next request on this connection, which is another viewer's.
        while 102 <= self.status < 200:
            self.headers = None  # type: ignore[assignment]  # As before the first begin().
            super().begin()
        if self.status < 200:
            raise http.client.BadStatusLine("switching protocols was not requested")


class _Connection(HTTPConnection):
    response_class = _Response
    _last_used = 0.0

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._last_used < _MAX_IDLE_SECONDS and super().is_connected

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            # The CONNECT that opens a proxy's tunnel is not the request.
            _require_call().sent = False

    def _new_conn(self) -> socket.socket:
        try:
            deadline = Deadline(min(self.timeout or 0.0, _require_call().deadline.timeout()))
            sock = _connect(self._dns_host, self.port, deadline, self.socket_options or ())
            # The TLS handshake is part of connecting.
            sock.settimeout(deadline.timeout())
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, "could not connect") from error
        return sock

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        query = _require_call().query
        super().putrequest(method, f"{url}?{query}" if query else url, *args, **kwargs)

    def send(self, data: Any) -> None:
        call = _require_call()
        if self.sock is None:
            self.connect()
        self.sock.settimeout(call.deadline.timeout())
        self._last_used = time.monotonic()
        was_sent, call.sent = call.sent, True
        try:
            super().send(data)
        except (BrokenPipeError, ConnectionResetError):
            # The connection was already known to be closed, so the last bytes of the request never left.
            call.sent = was_sent
            raise


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


POOLS = {"http": _Pool, "https": _TLSPool}


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
