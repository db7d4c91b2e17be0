"""What is printed: every character, whatever the terminal has, and a sentence where it can't be written."""

import codecs
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper

import click

_ESCAPE = "portal_escape"
# What the system says of a full disk, a quota, a limit of size, a broken disk, and a reader that is gone.
_NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE})


class _Escapes:
    """Writes characters that a terminal lacks as escapes, as in ``\\u30a2``, and remembers that it did."""

    were_needed = False

    def __call__(self, error: UnicodeError) -> tuple[str | bytes, int]:
        self.were_needed = True
        return codecs.backslashreplace_errors(error)


@contextmanager
def guarded_output() -> Iterator[None]:
    """Print what the block prints, whatever the terminal; end with status 1 and a sentence if it can't be written.

    There is no sentence where the reader of a pipe is gone, as in ``audit list | head``: that one has read enough.
    """
    escapes = _Escapes()
    codecs.register_error(_ESCAPE, escapes)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=_ESCAPE)
    try:
        yield
    except OSError as error:
        # That of a file has a name.
        if error.filename is not None or error.errno not in _NOT_WRITTEN:
            raise
        _end(error.errno)
    finally:
        if escapes.were_needed:
            _say(
                f"Some characters do not exist in the encoding of this terminal ({sys.stdout.encoding}) and were "
                "printed as a backslash with their number. A terminal with UTF-8 shows them."
            )


def _end(number: int) -> None:
    # What is left in the buffer would be tried again at the end of the process, and fail again.
    with suppress(OSError, ValueError), open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())
    if number != errno.EPIPE:
        _say(f"Not everything was printed: {os.strerror(number).lower()}.")
    sys.exit(1)


def _say(sentence: str) -> None:
    # Standard error may be full or closed as well.
    with suppress(OSError):
        click.echo(sentence, err=True)
