"""Compression of pages and files: Brotli for a client that accepts it, else gzip."""

import gzip
from enum import StrEnum
from functools import lru_cache

import brotli
from werkzeug.http import parse_accept_header

# In less there is nothing to gain.
MIN_BYTES = 256
# A page is compressed for each request. Higher levels save a tenth of its bytes for three times the time.
PAGE_QUALITY = 3
PAGE_GZIP_LEVEL = 5


class Encoding(StrEnum):
    """What the portal compresses with, the best first, by the names of HTTP."""

    BROTLI = "br"
    GZIP = "gzip"


@lru_cache(maxsize=256)
def accepted_encoding(header: str | None) -> Encoding | None:
    """Return the best encoding that an Accept-Encoding header allows; none if it allows none of ours."""
    accepted = parse_accept_header(header)
    return next((encoding for encoding in Encoding if accepted.quality(encoding) > 0), None)


def compress_file(content: bytes, encoding: Encoding) -> bytes:
    """Return the content of a file, as small as it gets: this is done once a process."""
    match encoding:
        case Encoding.BROTLI:
            return bytes(brotli.compress(content, mode=brotli.MODE_TEXT))
        case Encoding.GZIP:
            # Without the time, so that the files of all workers are equal.
            return gzip.compress(content, mtime=0)


def compress_page(content: bytes, encoding: Encoding) -> bytes:
    """Return the content of a page, compressed in a fraction of the time that the page took."""
    match encoding:
        case Encoding.BROTLI:
            return bytes(brotli.compress(content, mode=brotli.MODE_TEXT, quality=PAGE_QUALITY))
        case Encoding.GZIP:
            return gzip.compress(content, PAGE_GZIP_LEVEL, mtime=0)
