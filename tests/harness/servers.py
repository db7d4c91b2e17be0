"""Real HTTP servers on loopback ports: an application in this process, or the portal's own worker processes."""

import contextlib
import functools
import http.client
import importlib.metadata
import os
import selectors
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from tests.harness.commands import Command, Process, Start, command_environ, start_fork
from tests.harness.starting import wait_until_it_answers


def remember_versions() -> None:
    """Read the version of a package once a process: Werkzeug reads its own, by a parser for mails, for each server."""
    importlib.metadata.version = functools.cache(importlib.metadata.version)


class Quiet(WSGIRequestHandler):
    """Keeps connections as gunicorn does, and prints no line a request."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


class Port:
    """A loopback port that stays this test's own until something serves on it; any, or the one of a number."""

    def __init__(self, number: int = 0) -> None:
        self.socket = socket.create_server(("127.0.0.1", number), backlog=128)
        self.number: int = self.socket.getsockname()[1]

    @property
    def bind(self) -> str:
        """The address in the form HOST:PORT."""
        return f"127.0.0.1:{self.number}"

    @property
    def url(self) -> str:
        """The origin of what is served there."""
        return f"http://{self.bind}"

    def close(self) -> None:
        """Give the port back."""
        self.socket.close()


def free_port() -> int:
    """Return a port that nobody is using just now."""
    port = Port()
    port.close()
    return port.number


def sandbox_addresses() -> dict[str, str]:
    """Return settings by which a sandbox of its own listens on ports that nobody is using just now."""
    return {
        "PORTAL_ZYPE_API_URL": f"http://127.0.0.1:{free_port()}",
        "PORTAL_SMTP_URL": f"smtp://127.0.0.1:{free_port()}",
    }


class Acceptor:
    """One thread that accepts the connections of every server in this process.

    With a thread each, a server would take part of a second to notice that it shall stop.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        threading.Thread(target=self._accept, name="acceptor", daemon=True).start()

    @contextlib.contextmanager
    def accepting(self, server: BaseWSGIServer) -> Iterator[None]:
        """Accept connections for a server that listens, while the block runs; then close its socket."""
        # A client that is gone before its connection was accepted must not stop the thread.
        server.socket.setblocking(False)
        self._selector.register(server.socket, selectors.EVENT_READ, server)
        try:
            yield
        finally:
            self._selector.unregister(server.socket)
            server.server_close()

    def _accept(self) -> None:
        while True:
            for key, _ in self._selector.select():
                # A server that was closed meanwhile has nobody to accept.
                with contextlib.suppress(OSError):
                    request, address = key.data.get_request()
                    request.setblocking(True)
                    key.data.process_request(request, address)


@functools.cache
def acceptor() -> Acceptor:
    """Return the one of this process."""
    return Acceptor()


# Mutation tests run each mutant in a fork, which has no thread but the one that forked.
os.register_at_fork(after_in_child=acceptor.cache_clear)


@contextlib.contextmanager
def serving(app: Flask, port: Port) -> Iterator[str]:
    """Serve an application from threads of this process while the block runs; yields its origin."""
    server = make_server("127.0.0.1", port.number, app, threaded=True, request_handler=Quiet, fd=port.socket.fileno())
    with acceptor().accepting(server):
        yield port.url


class Processes:
    """The portal as an operator runs it: ``zype-activate serve``.

    Args:
        process: the one that started the workers.
        url: where it listens.
        log: the file that holds what it printed.
    """

    def __init__(self, process: Process, url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self._log = log

    def log(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Return when it answers; fail with its log when it does not."""
        wait_until_it_answers(self.process, lambda: _is_ready(self.url), self.log)

    def kill(self) -> None:
        """Kill it and all that it has started: how it stops takes seconds, and is the subject of a few tests alone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)


def _is_ready(url: str) -> bool:
    # The connection is closed at once: a portal that stops keeps those that are open for two seconds more.
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=2)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


@contextlib.contextmanager
def processes(
    environ: Mapping[str, str], port: Port, folder: Path, command: str = "serve", start: Start = start_fork
) -> Iterator[Processes]:
    """Run ``zype-activate serve`` while the block runs.

    Args:
        environ: its PORTAL_* variables.
        port: where it shall listen; given back here, for it to take.
        folder: its working directory, where its log goes too.
        command: ``serve``, or ``demo``.
        start: ``start_python`` to start it as an operator does.
    """
    port.close()
    log = folder / f"{command}.log"
    with log.open("wb") as output:
        process = start(Command([command], command_environ(environ, folder), folder, output, output))
    running = Processes(process, port.url, log)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.kill()
