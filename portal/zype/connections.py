"""Connections that keep to one deadline a call, and that alone ever see a call's query.

A socket's time-out is per read, so that an answer that trickles in byte by byte could hold a thread for
hours. Here every look-up, connect, send and read gets what is left of the call's time, and no more.

The query holds the key, the PIN and the viewer's token. It is put on the request line by the connection
itself: requests and urllib3, with their log lines and exceptions, are given a URL without one.
"""

import http.client
import io
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

# Below the five seconds after which the hastiest of common servers close a connection that is not used: a
# request that crosses such a close on the wire is lost, and nobody knows whether it was done.
_SECONDS_TO_REUSE = 4.0


class Deadline:
    """The moment by which a call has to be over.

    Args:
        seconds: from now.
        clock: seconds of a clock that only moves forward.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left, 0 when it is over."""
        return max(0.0, self._end - self._clock())

    def spend(self) -> float:
        """Return the seconds that are left for the next step of a call.

        Raises:
            TimeoutError: if there are none.
        """
        seconds = self.remaining()
        if not seconds:
            raise TimeoutError("the call's deadline has passed")
        return seconds


@dataclass
class Exchange:
    """One request and its answer, from its first byte to its last.

    Args:
        deadline: when it has to be over.
        query: what the request line gets, URL-encoded; a secret.
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
        """Tell whether an answer came."""
        return self.status is not None

    @contextmanager
    def running(self) -> Iterator["Exchange"]:
        """Make this the exchange that the connections used by this thread serve."""
        previous = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(previous)


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def current() -> Exchange | None:
    """Return the exchange that runs in this thread, if there is one."""
    return _current.get()


def _exchange() -> Exchange:
    exchange = _current.get()
    if exchange is None:
        raise RuntimeError("a connection to Zype is used outside an exchange")
    return exchange


class _Reader(io.RawIOBase):
    """What comes in on a connection, each read within what is left of the call's time."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw = raw
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._deadline.spend())
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose status line and headers obey the deadline as its body does."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, _exchange().deadline))

    def begin(self) -> None:
        super().begin()
        # The standard library takes "103 Early Hints" for the answer. The real one would then be read as
        # the answer to the connection's next request, which is another viewer's.
        while 102 <= self.status < 200:
            self.headers = None  # type: ignore[assignment]  # As before the first begin().
            super().begin()
        if self.status < 200:
            raise http.client.BadStatusLine("switching protocols was not asked for")


class _Connection(HTTPConnection):
    response_class = _Response
    _last_used = 0.0

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._last_used < _SECONDS_TO_REUSE and super().is_connected

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            # What a proxy was sent to open a tunnel is not the request.
            _exchange().sent = False

    def _new_conn(self) -> socket.socket:
        try:
            budget = Deadline(min(self.timeout or 0.0, _exchange().deadline.spend()))
            sock = _connect(self._dns_host, self.port, budget, self.socket_options or ())
            # The TLS handshake is part of connecting.
            sock.settimeout(budget.spend())
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, "could not connect") from error
        return sock

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        query = _exchange().query
        super().putrequest(method, f"{url}?{query}" if query else url, *args, **kwargs)

    def send(self, data: Any) -> None:
        exchange = _exchange()
        if self.sock is None:
            self.connect()
        self.sock.settimeout(exchange.deadline.spend())
        self._last_used = time.monotonic()
        before, exchange.sent = exchange.sent, True
        try:
            super().send(data)
        except (BrokenPipeError, ConnectionResetError):
            # The connection was already known to be closed, so the request's last bytes never left.
            exchange.sent = before
            raise


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


POOLS = {"http": _Pool, "https": _TLSPool}


def _connect(host: str, port: int, budget: Deadline, options: Iterable[Any]) -> socket.socket:
    """Connect to the first address of a host that answers.

    The addresses share one budget evenly: one that swallows everything leaves time for the next.
    """
    failure: OSError = OSError("the name has no address")
    addresses = _look_up(host.strip("[]"), port, budget)
    for done, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(budget.spend() / (len(addresses) - done))
            sock.connect(address)
        except OSError as error:
            failure = error
            sock.close()
        else:
            return sock
    raise failure


def _look_up(host: str, port: int, budget: Deadline) -> list[Any]:
    """Return a host's addresses. The system's look-up takes no time-out, so a thread waits for it."""
    found: Future[list[Any]] = Future()

    def ask() -> None:
        try:
            found.set_result(socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.set_exception(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    return found.result(budget.spend())
