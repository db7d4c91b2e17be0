"""How Zype fails, by the words of the magic PINs: each makes the answer that the table in seed.py promises."""

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
_PAGE = "<!doctype html><title>Gateway</title><h1>Something went wrong</h1>"
_MESSAGES = {
    401: "Invalid or missing authentication.",
    403: "This key may not do that.",
    404: "The requested resource could not be found.",
    422: "The PIN is not valid for this consumer.",
    429: "Too many requests.",
    500: "Internal server error.",
    503: "Service unavailable.",
}
_STATUSES = {
    "used": 404,
    "expired": 404,
    "refused": 422,
    "http401": 401,
    "http403": 403,
    "http429": 429,
    "http500": 500,
    "http503": 503,
}


class NoAnswer(Response):
    """A response that never reaches the client."""


def message(status: int, text: str | None = None) -> Response:
    """Return Zype's kind of error: a status and a message, no error codes."""
    answer = jsonify(message=text or _MESSAGES[status])
    answer.status_code = status
    if status == 429:
        answer.headers["Retry-After"] = RETRY_AFTER
    return answer


def without_link(word: str, stopping: Event) -> Response | None:
    """Return the answer of a magic PIN that links nothing; None for a word that is not one of those.

    Args:
        word: the magic PIN without its digits.
        stopping: ends a hanging answer when the sandbox stops.
    """
    if word in _STATUSES:
        return message(_STATUSES[word])
    match word:
        case "http302":
            return Response(status=302, headers={"Location": "/"})
        case "http502":
            return Response(_PAGE, 502, mimetype="text/html")
        case "html":
            return Response(_PAGE, 200, mimetype="text/html")
        case "broken":
            return Response('{"response": {"_id": "5ad0', 200, mimetype="application/json")
        case "hang":
            return unanswered(lambda: stopping.wait(HANG_SECONDS))
        case _:
            return None


def bent(word: str, document: JSON, stopping: Event) -> Response:
    """Return the answer of a magic PIN that answers 200 or tries to, given the honest document.

    Args:
        word: the magic PIN without its digits; a word of no fault gives the honest answer.
        document: the DevicePin as PUT /pin/link gives it.
        stopping: ends a slow answer when the sandbox stops.
    """
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
            return unanswered(lambda: None)
        case "torn":
            return _torn(jsonify(response=document))
        case "trickle":
            return _trickling(jsonify(response=document), stopping)
        case _:
            pass
    return jsonify(response=document)


def unanswered(first: Callable[[], object]) -> NoAnswer:
    """Return a response that breaks the connection before its first byte.

    Args:
        first: called before that, to wait or to do nothing.
    """

    def body() -> Iterator[bytes]:
        first()
        _break_connection(environ)
        yield b""

    environ = request.environ
    return NoAnswer(body())


def _torn(whole: Response) -> Response:
    """Return a response whose connection breaks after half of the body that its length promised."""

    def body() -> Iterator[bytes]:
        yield content[: len(content) // 2]
        _break_connection(environ)

    environ, content = request.environ, whole.get_data()
    return Response(body(), headers={"Content-Length": str(len(content))}, mimetype="application/json")


def _trickling(whole: Response, stopping: Event) -> Response:
    """Return a response that arrives a byte at a time, so that each read is quick and the whole is not."""

    def body() -> Iterator[bytes]:
        for byte in content:
            stopping.wait(TRICKLE_SECONDS)
            yield bytes([byte])

    content = whole.get_data()
    return Response(body(), headers={"Content-Length": str(len(content))}, mimetype="application/json")


def _break_connection(environ: dict[str, object]) -> None:
    """Close the socket under the answer, where there is one, and leave the server nothing to say.

    Raises:
        ConnectionResetError: always; the server takes it for a client that went away.
    """
    connection = environ.get("werkzeug.socket")
    if isinstance(connection, socket):
        with suppress(OSError):
            connection.shutdown(SHUT_RDWR)
    raise ConnectionResetError("the sandbox breaks this connection on purpose")
