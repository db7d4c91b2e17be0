"""The body of a request is whole before anything is done with it, whichever server reads it.

``zype-activate serve`` hands on whole requests alone. Other servers let the application read: gunicorn, for one, reads
a body that is too short without an error, and the end of a password or a PIN is missing.
"""

from io import BytesIO
from typing import IO, TYPE_CHECKING

from flask import Request
from werkzeug.exceptions import BadRequest, LengthRequired, RequestEntityTooLarge

from portal.pages.web.application import Portal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# The portal's forms hold a PIN, a password or a short text.
MAX_BODY_BYTES = 64 * 1024
# Python refuses to read a number of thousands of digits.
_MAX_DIGITS = 18


def init_app(app: Portal) -> None:
    """Answer a request whose body is too short, broken or too large with 400, 411 or 413.

    Call it before what reads forms.
    """

    @app.check
    def require_whole_body(request: Request) -> None:
        environ = request.environ
        body = _whole_body(environ)
        environ["wsgi.input"] = BytesIO(body)
        environ["wsgi.input_terminated"] = True
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)


def _whole_body(environ: "WSGIEnvironment") -> bytes:
    is_chunked = "HTTP_TRANSFER_ENCODING" in environ
    length = _content_length(environ.get("CONTENT_LENGTH", ""))
    if not is_chunked and not length:
        return b""
    # Where a server neither ends the input nor says how long it is, nobody knows whether all of it is there.
    if is_chunked and not environ.get("wsgi.input_terminated"):
        raise LengthRequired
    if is_chunked and length is not None:
        raise BadRequest
    # One byte more, to see whether it is too large.
    body = _read(environ["wsgi.input"], MAX_BODY_BYTES + 1 if is_chunked else length or 0)
    if len(body) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    if len(body) < (length or 0):
        raise BadRequest
    return body


def _content_length(value: str) -> int | None:
    if not value:
        return None
    if not (value.isascii() and value.isdigit()):
        raise BadRequest
    if len(value) > _MAX_DIGITS or int(value) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    return int(value)


def _read(source: IO[bytes], length: int) -> bytes:
    """Return so many bytes, or fewer if the input ends before."""
    body = b""
    try:
        while len(body) < length and (data := source.read(length - len(body))):
            body += data
    except Exception:
        # Each server has its own exception for a broken body; its message may quote what was sent.
        raise BadRequest from None
    return body
