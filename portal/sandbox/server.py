"""Serves the sandbox: threaded HTTP/1.1 with kept connections, which stops at once even with answers in flight."""

import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from io import BytesIO
from threading import Event, Thread

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import ClosingIterator

from portal.sandbox.mail_server import receive_mail
from portal.sandbox.state import EXTENSION, Sandbox

_logger = logging.getLogger(__name__)

_BACKLOG = 1024
# Far above the application's own limit, so that clients get the application's 413.
_MAX_BODY = 1024 * 1024
# A Host header leaves it out.
_HTTP_PORT = 80


class _RequestHandler(WSGIRequestHandler):
    """Keeps connections, which werkzeug's own handler always closes."""

    protocol_version = "HTTP/1.1"
    # Otherwise the second small packet of an answer waits 40 ms for the client's acknowledgement of the first.
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Read the whole request before the application runs: what stays unread would be taken for the next one."""
        environ = self.make_environ()
        if environ.get("HTTP_HOST", "").lower() not in own_hosts(self.server):
            self.close_connection = True
            self.send_error(400, "Foreign host", "This address is not served here.")
            return
        length = environ.get("CONTENT_LENGTH") or "0"
        if "HTTP_TRANSFER_ENCODING" in environ or not length.isdecimal() or int(length) > _MAX_BODY:
            self.close_connection = True
            self.send_error(413)
            return
        sent = self.rfile.read(int(length))
        if len(sent) < int(length):
            self.close_connection = True
            self.send_error(400)
            return
        environ["wsgi.input"] = BytesIO(sent)
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


def own_hosts(server: BaseWSGIServer) -> set[str]:
    """Return what a Host header may name: where the server listens.

    A stranger's page could give the name of its own host the address of this machine (DNS rebinding), and then read
    every answer.
    """
    host = f"[{server.host}]" if ":" in server.host else server.host
    names = [f"{host}:{server.port}", *([host] if server.port == _HTTP_PORT else [])]
    state: Sandbox = server.app.extensions[EXTENSION]  # type: ignore[attr-defined]
    return {name.lower() for name in (*names, *state.other_hosts)}


def serve(app: Flask, host: str, port: int, stop: Event, mail_address: tuple[str, int] | None = None) -> None:
    """Serve the sandbox until an event is set, and receive its mail if there is an address (host and port) for that."""
    with ExitStack() as stack:
        # Before HTTP: a client that gets an answer there may send mail.
        if mail_address:
            stack.enter_context(receive_mail(app.extensions[EXTENSION].mailbox, *mail_address))
        stack.enter_context(serve_in_thread(app, host, port))
        stop.wait()


@contextmanager
def serve_in_thread(app: Flask, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve the sandbox in a thread while the block runs; yields its origin, with the free port that port 0 takes."""
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
    """Return a server that listens and does not accept connections yet; raises OSError if it can't listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Werkzeug ends the process if it can't listen, so it gets a socket that listens already.
    with socket.create_server((host, port), family=family, backlog=_BACKLOG) as listener:
        server = make_server(host, port, app, threaded=True, request_handler=_RequestHandler, fd=listener.fileno())
    server.handle_error = _log_error  # type: ignore[method-assign]
    return server


def _log_error(request: object, client_address: object) -> None:
    """Log an exception of the server; its own method prints the client's address."""
    _logger.error("The sandbox could not answer", exc_info=True)
