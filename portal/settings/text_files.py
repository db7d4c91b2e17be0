"""Reads the small text files of the settings, and says what is wrong with one without a word of what is in it."""

import codecs
import os
from pathlib import Path

# Of a setting no file is larger; one that never ends, such as /dev/zero, is not read to its end.
MAX_BYTES = 1_000_000
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableText(Exception):
    """A file can't be read as text; the message goes on from its name: "is a folder"."""


def read_text(path: Path) -> str:
    """Return what is in a text file: UTF-8, with or without a byte-order mark.

    Raises:
        FileNotFoundError: there is no such file.
        UnreadableText: for anything else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except IsADirectoryError as error:
        raise UnreadableText("is a folder, and has to be a file") from error
    except (OSError, ValueError) as error:
        # A path with a NUL character is a ValueError.
        number = error.errno if isinstance(error, OSError) else None
        raise UnreadableText(f"can't be read: {os.strerror(number).lower() if number else 'no such name'}") from error
    return _decode(data)


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise UnreadableText("is too large for a file of settings")
    if data.startswith(_UTF_16) or b"\0" in data:
        raise UnreadableText("is in UTF-16, or is no text; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        # The cause holds what is in the file.
        raise UnreadableText(f"is not in UTF-8, as line {line} shows; save it as UTF-8") from None
