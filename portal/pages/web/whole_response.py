"""Answers that are whole when they are made: a page, compressed where that may be done, and a redirect."""

from typing import TYPE_CHECKING, Any, cast

from flask import Request, Response
from werkzeug.datastructures import Headers
from werkzeug.urls import iri_to_uri
from werkzeug.utils import redirect

from portal.pages.web.compression import MIN_BYTES, accepted_encoding, compress_page
from portal.pages.web.forms import is_from_another_site

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import WSGIEnvironment


class WholeResponse(Response):
    """An answer with a body of bytes, its length, and a Location that is a URI.

    Werkzeug would look for what is missing in a copy of the headers.
    """

    def get_wsgi_response(self, environ: "WSGIEnvironment") -> "tuple[Iterable[bytes], str, list[tuple[str, str]]]":
        """Return the body, the status and the headers."""
        body: Any = () if environ["REQUEST_METHOD"] == "HEAD" else self.response
        return body, self.status, [*self.headers]


def redirect_response(path: str, status: int) -> Response:
    """Return a redirect to a path of ours, or to a URL."""
    return cast(Response, redirect(iri_to_uri(path), status, WholeResponse))


def page_response(request: Request, page: str, status: int, preload: str, retry_after: int | None = None) -> Response:
    """Return the answer with a page.

    A page that another site made the browser ask for is sent as it is: that site may have chosen a part of it, such as
    the PIN of a link, and the size of the whole would tell somebody on the network about the rest (BREACH).

    Args:
        preload: the Link header, which lets a browser ask for the stylesheet before it has read the page.
        retry_after: seconds, for the Retry-After header.
    """
    body = page.encode()
    varied: list[tuple[str, str]] = []
    if len(body) >= MIN_BYTES:
        varied = [("Vary", "Accept-Encoding")]
        encoding = accepted_encoding(request.environ.get("HTTP_ACCEPT_ENCODING"))
        if encoding and not is_from_another_site():
            body = compress_page(body, encoding)
            varied.append(("Content-Encoding", encoding))
    kind, length = ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))
    wait = [] if retry_after is None else [("Retry-After", str(retry_after))]
    headers = Headers()
    # None is of a client, and Werkzeug takes longer to look for line breaks in them than to make all the rest.
    headers._list = [kind, length, *wait, *varied, ("Link", preload)]
    return WholeResponse([body], status, headers)
