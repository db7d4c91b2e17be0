"""How the answers of the magic PINs fail, as the table in seed.py describes."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from socket import SHUT_RDWR, socket
from threading import Event

from flask import Response, jsonify, request

from portal.sandbox.documents import JSON

HANG_SECONDS = 20.0
TRICKLE_SECONDS = 0.5
SLOW_SECONDS = 1.0
RETRY_AFTER = "30"
_HTML = "<!doctype html><title>Gateway</title><h1>Something went wrong</h1>"
_MESSAGES = {
    401: "Invalid or missing authentication.",
    403: "This key may not do that.",
    404: "The requested resource could not be found.",
    422: "The PIN is not valid for this consumer.",
    429: "Too many requests.",
    500: "Internal server error.",
    503: "Service unavailable.",
}
_STATUSES = {"used": 404, "expired": 404, "refused": 422} | {f"http{n}": n for n in (401, 403, 429, 500, 503)}


class LostResponse(Response):
    """A response that never reaches the client."""


def error(status: int, message: str | None = None) -> Response:
    """Return an error as Zype does: a status and a message, no error codes."""
    response = jsonify(message=message or _MESSAGES[status])
    response.status_code = status
    if status == 429:
        response.headers["Retry-After"] = RETRY_AFTER
    return response


def failure(word: str, stopping: Event) -> Response | None:
    """Return the response of a magic PIN that links nothing; None for another word. ``stopping`` ends a hang."""
    match word:
        case _ if word in _STATUSES:
            return error(_STATUSES[word])
        case "http302":
            return Response(status=302, headers={"Location": "/"})
        case "http502":
            return Response(_HTML, 502, mimetype="text/html")
        case "html":
            return Response(_HTML, 200, mimetype="text/html")
        case "broken":
            return Response('{"response": {"_id": "5ad0', 200, mimetype="application/json")
        case "hang":
            return _lost(lambda: stopping.wait(HANG_SECONDS))
    return None


def distorted(word: str, document: JSON, stopping: Event) -> Response:
    """Return the response of a magic PIN that answers 200, or tries to. ``stopping`` ends a slow response."""
    match word:
        case "silent":
            return jsonify(response={})
        case "empty":
            return jsonify({})
        case "nameless":
            document = {name: value for name, value in document.items() if name != "linked_device_id"}
        case "slow":
            stopping.wait(SLOW_SECONDS)
        case "lost":
            return _lost(lambda: None)
        case "torn":
            return _torn(jsonify(response=document))
        case "trickle":
            return _trickling(jsonify(response=document), stopping)
    return jsonify(response=document)


def _lost(wait: Callable[[], object]) -> LostResponse:
    """Return a response that waits, and then breaks the connection before its first byte."""

    def body() -> Iterator[bytes]:
        wait()
        _break_connection(environ)
        yield b""

    environ = request.environ
    return LostResponse(body())


def _torn(response: Response) -> Response:
    """Return a response whose connection breaks after half of the body."""

    def body() -> Iterator[bytes]:
        yield content[: len(content) // 2]
        _break_connection(environ)

    environ, content = request.environ, response.get_data()
    return Response(body(), headers=response.headers)


def _trickling(response: Response, stopping: Event) -> Response:
    """Return a response that arrives a byte at a time, so that each read is quick and the whole is not."""

    def body() -> Iterator[bytes]:
        for byte in content:
            stopping.wait(TRICKLE_SECONDS)
            yield bytes([byte])

    content = response.get_data()
    return Response(body(), headers=response.headers)


def _break_connection(environ: dict[str, object]) -> None:
    """Close the response's socket, if any, so that the server can't send anything more.

    The server takes the ConnectionResetError for a client that went away.
    """
    connection = environ.get("werkzeug.socket")
    if isinstance(connection, socket):
        with suppress(OSError):
            connection.shutdown(SHUT_RDWR)
    raise ConnectionResetError("the sandbox breaks this connection on purpose")
