"""Writes lines of the log whole, and the line of each request, which needs no redaction."""

import json
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from select import PIPE_BUF
from threading import Lock
from typing import TextIO

# Any other is what a client made up.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_lock = Lock()


class AccessLog:
    """The log of requests: a line each, once it is open."""

    def __init__(self) -> None:
        self.is_open = False

    def write(self, method: str, rule: str | None, status: int, milliseconds: float, request_id: str) -> None:
        """Write the line of a request as structlog writes it, but at a third of the cost.

        Nothing of it is redacted, so nothing of it may be what a client chose.

        Args:
            method: one of METHODS.
            rule: of the application, in place of the path.
            request_id: of letters, digits, dashes and underscores.
        """
        if self.is_open:
            time = datetime.now(UTC).isoformat()[:-6]
            write_line(
                f'{{"method": "{method}", "rule": {_quoted(rule)}, "status": {status}, "ms": {milliseconds}, '
                f'"event": "request", "request_id": "{request_id}", '
                f'"logger": "portal.access", "level": "info", "timestamp": "{time}Z"}}'
            )


@cache
def _quoted(rule: str | None) -> str:
    return json.dumps(rule)


access_log = AccessLog()


def write_line(line: str) -> None:
    """Write a line, which is redacted already, to standard output, whole.

    A full disk under the log, or nobody at the other end, is no reason to fail a page or to leave an outcome out.
    """
    stream: TextIO | None = getattr(sys.stdout, "unredacted", sys.stdout)
    own = sys.__stdout__
    with suppress(OSError):
        if own and stream is own:
            _write_to_file(own.fileno(), f"{line}\n".encode(errors="backslashreplace"))
        elif stream:
            # Tests replace it, by what may be no file.
            with _lock:
                stream.write(f"{line}\n")
                stream.flush()


def _write_to_file(descriptor: int, data: bytes) -> None:
    if len(data) <= PIPE_BUF:
        # The system writes it whole. Threads would queue up for a lock, because each gives way to others as it writes.
        os.write(descriptor, data)
        return
    with _lock:
        while data:
            data = data[os.write(descriptor, data) :]
