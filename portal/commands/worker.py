"""The gunicorn worker of ``zype-activate serve``: its threads never wait for a client.

gthread's own worker lets a thread read a request for as long as the client likes to send it, so that a few dozen half
requests stop the whole site. Here a thread takes what has arrived. If that is a whole request, it answers; if not, the
connection goes to the poller, which reads the rest as it arrives, for ten seconds at most from the first byte. The
poller also sends what a client does not take at once of an answer, and waits for clients to close connections.
"""

import errno
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from enum import Enum, auto
from functools import partial
from typing import Any

import structlog
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER

from portal.commands.connection import Connection
from portal.commands.graceful_worker import GracefulWorker
from portal.commands.requests_received import RequestRefused
from portal.pages.ops import metrics

log = structlog.get_logger("portal.commands")

# From the first byte of a request to its last.
REQUEST_SECONDS = 10.0
# From the end of an answer until the client has taken all of it.
ANSWER_SECONDS = 30.0
# From the end of our side until the client closes its own: closed at once, it might lose the answer.
CLOSING_SECONDS = 5.0
# Where there are too many connections, one that has waited less than this is not closed.
NEW_SECONDS = 1.0


class _Next(Enum):
    """What comes next on a connection."""

    MORE = auto()
    REQUEST = auto()
    CLOSE = auto()
    NOTHING = auto()


class WholeRequestWorker(GracefulWorker):
    """Hands a request on when all of it has arrived. A connection belongs to one thread, or to the poller.

    ``keepalived_conns`` are the connections without a request, ``pending_conns`` all others that the poller has.
    """

    def accept(self, listener: Any) -> bool:
        """Accept a connection, which waits for its first request; return whether there was one."""
        try:
            client_socket, client = listener.accept()
        except OSError as error:
            self.has_files = error.errno not in (errno.EMFILE, errno.ENFILE)
            return False
        self.nr_conns += 1
        self._wait_for_request(Connection(client_socket, client, listener.getsockname(), self.cfg))
        return True

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events and handle them; then make room if there is none."""
        super().wait_for_and_dispatch_events(timeout)
        # Not before: one of the events may be of the connection that is closed.
        if self.nr_conns >= self.worker_connections or not self.has_files:
            self._make_room()

    def handle(self, conn: Connection) -> _Next:
        """Answer the next request if all of it has arrived; runs in a thread of the pool, and waits for no client."""
        try:
            request = conn.next_request()
            if request is None:
                return _Next.MORE
            if self.app.state.is_draining():
                request.force_close()
            is_kept = self.handle_request(request, conn)
            conn.sock.flush()
        except RequestRefused as refused:
            self._refuse(conn, refused)
        except (ConnectionError, TimeoutError, StopIteration):
            # The client is gone, or gunicorn has closed the connection in the middle of an answer that failed.
            return _Next.NOTHING
        except Exception as error:
            # Whatever it is: finish_request would raise it again, in the thread of the poller, and end the worker.
            log.error("answer_failed", exc_info=error)
            self._send_refusal(conn, 500)
        else:
            return _Next.REQUEST if is_kept else _Next.CLOSE
        return _Next.CLOSE

    def finish_request(self, conn: Connection, fs: "Future[_Next]") -> None:
        """Give a connection back to the poller after a thread had it; runs in the poller's thread."""
        step = _Next.NOTHING if fs.cancelled() else fs.result()
        if step is not _Next.NOTHING and conn.sock.unsent:
            conn.timeout = time.monotonic() + ANSWER_SECONDS
            self._wait(self.pending_conns, conn, selectors.EVENT_WRITE, partial(self._send_rest, conn, step))
        else:
            self._go_on(conn, step)

    def murder_pending(self) -> None:
        """Close connections whose time is up."""
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self._take_back(conn)
            if conn.is_reading:
                self._refuse(conn, RequestRefused(408, "TooSlow"))
            self._close(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Shorten the time of every connection but of those that still take an answer: the worker stops."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = conn.timeout if conn.sock.unsent else min(conn.timeout, deadline)

    def _go_on(self, conn: Connection, step: _Next) -> None:
        if step is _Next.NOTHING:
            self._close(conn)
        elif step is _Next.CLOSE:
            conn.timeout = time.monotonic() + (CLOSING_SECONDS if self.alive else STOP_KEEPALIVE_LINGER)
            self._end(conn)
        elif step is _Next.MORE and conn.has_begun:
            conn.timeout = conn.first_byte + (REQUEST_SECONDS if self.alive else STOP_KEEPALIVE_LINGER)
            conn.is_reading = True
            self._wait(self.pending_conns, conn, selectors.EVENT_READ, partial(self._read, conn))
        elif conn.has_begun:
            # The next request, or a part of it, has arrived with the one before.
            conn.first_byte = time.monotonic()
            self.enqueue_req(conn)
        else:
            self._wait_for_request(conn)

    def _wait_for_request(self, conn: Connection) -> None:
        conn.timeout = time.monotonic() + (self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)
        self._wait(self.keepalived_conns, conn, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))

    def _wait(self, conns: "deque[Connection]", conn: Connection, event: int, callback: Callable[[Any], None]) -> None:
        self.poller.register(conn.sock, event, callback)
        conn.waits_since = time.monotonic()
        conns.append(conn)

    def _take_back(self, conn: Connection) -> None:
        self.pending_conns.remove(conn)
        self.poller.unregister(conn.sock)

    def _read(self, conn: Connection, _socket: object) -> None:
        # Here, since a thread for each byte of a slow client would cost ten times as much.
        if conn.needs_thread():
            conn.is_reading = False
            self._take_back(conn)
            self.enqueue_req(conn)

    def _send_rest(self, conn: Connection, step: _Next, _socket: object) -> None:
        try:
            conn.sock.flush()
        except OSError:
            self._take_back(conn)
            self._close(conn)
            return
        if not conn.sock.unsent:
            self._take_back(conn)
            self._go_on(conn, step)

    def _end(self, conn: Connection) -> None:
        """Say that nothing more comes, and wait until the client says the same; what it still sends is dropped."""
        with suppress(OSError):
            conn.sock.shutdown(socket.SHUT_WR)
            self._wait(self.pending_conns, conn, selectors.EVENT_READ, partial(self._drop, conn))
            return
        self._close(conn)

    def _drop(self, conn: Connection, _socket: object) -> None:
        if not conn.drop():
            self._take_back(conn)
            self._close(conn)

    def _refuse(self, conn: Connection, refused: RequestRefused) -> None:
        # Neither the address nor anything that was sent.
        log.info("request_refused", status=refused.status, why=refused.why)
        metrics.count_request(None, "other", refused.status, 0.0)
        self._send_refusal(conn, refused.status)

    def _send_refusal(self, conn: Connection, status: int) -> None:
        with suppress(OSError):
            conn.sock.sendall(self.app.refusals[status])
            conn.sock.flush()

    def _make_room(self) -> None:
        """Close the connection that has waited longest, unless it is too new to have sent anything."""
        self.has_files = True
        waiting = [conns for conns in (self.keepalived_conns, self.pending_conns) if conns]
        conns = min(waiting, key=lambda conns: conns[0].waits_since, default=None)
        if conns and conns[0].waits_since < time.monotonic() - NEW_SECONDS:
            conn = conns.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()
