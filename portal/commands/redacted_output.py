"""What every command prints, without the secrets of the settings."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

Redact = Callable[[str], str]


class RedactedStream:
    """A text stream that takes what must not be printed from each text, and passes the rest to another.

    It has no ``buffer``: click would write to that directly where it does not like the encoding.

    Args:
        unredacted: the other stream, for what has been redacted already.
    """

    def __init__(self, unredacted: TextIO) -> None:
        self.unredacted = unredacted
        self.redact: Redact = lambda text: text

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.unredacted, name)

    def write(self, text: str) -> int:
        """Write a text. Bytes raise TypeError, by which click knows what kind of stream this is."""
        self.unredacted.write(self.redact(text))
        return len(text)


@contextmanager
def redacted_output() -> Iterator[None]:
    """Print what the block prints, once ``hide`` has said what to take from it."""
    before = sys.stdout, sys.stderr
    # Either is none where the process was started without it.
    sys.stdout, sys.stderr = (stream and RedactedStream(stream) for stream in before)
    try:
        yield
    except Exception:
        # The streams stay redacted: Python prints the traceback when the process ends.
        raise
    except BaseException:
        # The process ends as somebody wanted, by sys.exit() or Ctrl-C.
        sys.stdout, sys.stderr = before
        raise
    sys.stdout, sys.stderr = before


def hide(redact: Redact) -> None:
    """Take from everything that is printed from now on what a function takes from a text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, RedactedStream):
            stream.redact = redact


def binary_output() -> BinaryIO:
    """Return standard output for bytes, which are written as they are."""
    stream = sys.stdout
    return (stream.unredacted if isinstance(stream, RedactedStream) else stream).buffer
