"""Serves the sandbox on a socket: threaded HTTP/1.1 that keeps connections, and a stop that nothing holds up."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from io import BytesIO
from threading import Event, Thread

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import ClosingIterator

from portal.sandbox.mail_server import taking_mail
from portal.sandbox.state import EXTENSION

_BACKLOG = 1024
# Well over what the application itself takes, so that its own 413 is what a client sees.
_LARGEST_BODY = 1024 * 1024


class _Handler(WSGIRequestHandler):
    """Answers a request and keeps the connection, which werkzeug's own handler always closes."""

    protocol_version = "HTTP/1.1"
    # Without this the second small packet of an answer waits 40 ms for the client to confirm the first.
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Read the whole request before the application sees it: what stays unread would look like the next."""
        environ = self.make_environ()
        length = environ.get("CONTENT_LENGTH") or "0"
        if "HTTP_TRANSFER_ENCODING" in environ or not length.isdecimal() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            self.send_error(413)
            return
        environ["wsgi.input"] = BytesIO(self.rfile.read(int(length)))
        body, status, headers = run_wsgi_app(self.server.app, environ)
        with closing(ClosingIterator(body)) as parts:
            code, _, reason = status.partition(" ")
            self.send_response(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            for data in parts:
                self.wfile.write(data)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing: the query of a call holds PINs and keys."""

    def log_error(self, format: str, *args: object) -> None:
        """Print nothing, for the same reason."""


def serve(
    app: Flask, host: str, port: int, stop_with_stdin: bool = False, mail_address: tuple[str, int] | None = None
) -> None:
    """Serve the sandbox until SIGTERM or SIGINT; call it from the main thread.

    Args:
        app: from create_app.
        host: the address to listen on.
        port: the port to listen on.
        stop_with_stdin: stop when standard input ends, so that the sandbox ends with the process that
            started it, however that one ended.
        mail_address: host and port to take mail on; none for no mail.

    Raises:
        CannotTakeMail: if the address for mail can't be listened on.
        OSError: if the address can't be listened on.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if stop_with_stdin:
        Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
    with ExitStack() as stack:
        # Before the pages: who sees those answer may send mail.
        if mail_address:
            stack.enter_context(taking_mail(app.extensions[EXTENSION].mailbox, *mail_address))
        stack.enter_context(running(app, host, port))
        stop.wait()


@contextmanager
def running(app: Flask, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve the sandbox from a thread of its own while the block runs.

    Args:
        app: from create_app.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.

    Yields:
        the sandbox's origin, such as http://127.0.0.1:8001.

    Raises:
        OSError: if the address can't be listened on.
    """
    server = listen(app, host, port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.port}"
    finally:
        app.extensions[EXTENSION].stopping.set()
        server.shutdown()
        thread.join()


def listen(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """Return a server of the sandbox that listens already and accepts nothing yet.

    Raises:
        OSError: if the address can't be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Werkzeug ends the process when it can't listen, so it is given a socket that listens already.
        with socket.create_server((host, port), family=family, backlog=_BACKLOG) as listener:
            return make_server(host, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno())
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, f"the sandbox can't listen on {host}:{port}: {reason}") from error


def _wait_for_end_of_input(stop: Event) -> None:
    """Read standard input to its end, below Python's buffers: their lock would trouble the interpreter's exit."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()
