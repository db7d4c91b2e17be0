"""The worker of ``zype-activate serve`` in a thread of this process, with real sockets, around any application."""

import logging
import os
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gunicorn.config import Config

from portal.commands.stopping import ServerState
from portal.commands.worker import WholeRequestWorker
from portal.pages.web.refusals import SENTENCES
from tests.harness.servers import Port

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SECONDS = 10.0


class RunningWorker:
    """A worker that serves.

    Args:
        worker: it.
        port: where it listens.
    """

    def __init__(self, worker: WholeRequestWorker, port: Port) -> None:
        self.worker = worker
        self.clients = ExitStack()
        self._port = port

    def connect(self, *parts: bytes, receive_bytes: int | None = None) -> socket.socket:
        """Return a connection on which this was sent; it is closed with the worker at the latest.

        Args:
            receive_bytes: the size of the buffer for what it receives.
        """
        connection = self.clients.enter_context(socket.socket())
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(SECONDS)
        connection.connect(("127.0.0.1", self._port.number))
        for part in parts:
            connection.sendall(part)
        return connection

    def answer(self, request: bytes) -> bytes:
        """Send a request on a connection of its own, close our side, and return all that comes back."""
        with self.connect(request) as connection:
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes; if it resets the connection, what came before."""
    received = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


@contextmanager
def running_worker(application: "WSGIApplication", port: Port, **options: Any) -> Iterator[RunningWorker]:
    """Serve an application while the block runs.

    Args:
        application: of WSGI.
        port: where it listens.
        options: of gunicorn, such as ``threads=2``.
    """
    cfg = Config()
    for name, value in {"threads": 2, "keepalive": 5, "sendfile": False, "graceful_timeout": 5, **options}.items():
        cfg.set(name, value)
    refusals = {status: b"HTTP/1.1 %d no\r\nConnection: close\r\n\r\n" % status for status in SENTENCES}
    port.socket.setblocking(False)
    app = SimpleNamespace(refusals=refusals, state=ServerState())
    worker = WholeRequestWorker(1, os.getppid(), [port.socket], app, 30, cfg, _Log(logging.getLogger("tests.worker")))
    # What gunicorn does in a new process, but for signals and the import of the application.
    worker.wsgi = application
    worker.tpool = worker.get_thread_pool()
    worker.poller = selectors.DefaultSelector()
    worker.method_queue.init()
    thread = threading.Thread(target=worker.run)
    thread.start()
    running = RunningWorker(worker, port)
    try:
        yield running
    finally:
        running.clients.close()
        worker.handle_exit(0, None)
        thread.join(SECONDS)
        worker.tpool.shutdown()
        worker.tmp.close()
    assert not thread.is_alive()
    assert worker.nr_conns == 0


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Stands for gunicorn's, which would change the loggers of this process."""

    def access(self, *_: object) -> None:
        """Log nothing, as ``serve`` does."""
