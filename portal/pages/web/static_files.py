"""Serves files from memory before Flask is asked, so that nothing that happens to a folder can take them away."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wrappers import Response

from portal.pages.web.compression import Encoding, accepted_encoding, compress_file
from portal.pages.web.headers import STATIC

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Those of the module mimetypes depend on the version of Python and on the machine.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".woff2": "font/woff2",
}
COMPRESSED = (".css", ".js", ".svg")
DAY_SECONDS = 24 * 60 * 60
YEAR_SECONDS = 365 * DAY_SECONDS


class StaticFile:
    """A file in memory.

    Args:
        name: of which the ending says what it is.
        content: all of it.
    """

    def __init__(self, name: str, content: bytes) -> None:
        ending = PurePosixPath(name).suffix.lower()
        self.digest = hashlib.sha256(content).hexdigest()[:12]
        self._type = TYPES.get(ending, "application/octet-stream")
        self._content = content
        self._read_at = datetime.now(UTC)
        self._is_text = ending in COMPRESSED
        self._compressed: dict[Encoding, bytes] = {}

    def response(self, environ: "WSGIEnvironment", is_immutable: bool) -> Response:
        """Return the answer to a request.

        Args:
            environ: the request.
            is_immutable: whether the address has a name that contains the hash of the content, so that it never
                changes.
        """
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return Response(status=405, headers=[("Allow", "GET, HEAD"), *STATIC])
        age = f"max-age={YEAR_SECONDS}, public, immutable" if is_immutable else f"max-age={DAY_SECONDS}, public"
        headers = Headers([("Content-Type", self._type), ("Cache-Control", age), *STATIC])
        content = self._content
        if self._is_text:
            headers["Vary"] = "Accept-Encoding"
            if encoding := accepted_encoding(environ.get("HTTP_ACCEPT_ENCODING")):
                headers["Content-Encoding"] = encoding
                content = self._in_encoding(encoding)
        response = Response(content, headers=headers)
        # Weak, since it is the same with and without compression.
        response.set_etag(self.digest, weak=True)
        response.last_modified = self._read_at
        try:
            return response.make_conditional(environ, accept_ranges=True, complete_length=len(content))
        except RequestedRangeNotSatisfiable:
            return Response(status=416, headers=[("Content-Range", f"bytes */{len(content)}"), *STATIC])

    def _in_encoding(self, encoding: Encoding) -> bytes:
        """Return the content compressed, which is done for the first client that accepts it: Brotli takes a while."""
        if encoding not in self._compressed:
            self._compressed[encoding] = compress_file(self._content, encoding)
        return self._compressed[encoding]


class StaticFiles:
    """WSGI middleware in front of an application.

    Args:
        application: what answers for all other paths.
        files: the files by their path.
        immutable: the beginning of the paths that have the hash of their content in their name.
    """

    def __init__(self, application: "WSGIApplication", files: Mapping[str, StaticFile], immutable: str) -> None:
        self._application = application
        # As WSGI servers write a path: each byte of it is a character.
        self._files = {path.encode().decode("latin-1"): file for path, file in files.items()}
        self._immutable = immutable

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        path = environ.get("PATH_INFO", "")
        file = self._files.get(path)
        if file is None:
            return self._application(environ, start_response)
        return file.response(environ, path.startswith(self._immutable))(environ, start_response)
