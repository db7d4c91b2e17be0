"""Header fields as they are on the wire: ASCII, in encoded words (RFC 2047) where ASCII does not do.

Written by ourselves. Versions of Python's library differ in what they make of the same text: some lose the spaces
between words, fold a field before its first word, or decode an encoded word that the text itself contains.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator

# RFC 2047, section 2: of a line that has an encoded word, and of the word.
MAX_LINE = 76
MAX_WORD = 75
# What section 5 (3) allows in a name, which is the strictest of its places. A space is written as an underscore.
_IN_Q = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")
_ATOM = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+"
_PHRASE = re.compile(rf"{_ATOM}(?: {_ATOM})*")
# Without quotation marks and backslashes, which not every reader takes back out.
_QUOTABLE = re.compile(r"[ !#-\[\]-~]+")
_PLAIN = re.compile(r"[!-~](?:[ -~]*[!-~])?")


def text_field(name: str, text: str) -> str:
    """Return a field of free text, such as the subject: as it is if it is ASCII and fits on its line."""
    is_plain = _PLAIN.fullmatch(text) and "=?" not in text and len(name) + 2 + len(text) <= MAX_LINE
    return f"{name}: {text if is_plain else _encoded(text, len(name) + 2)}"


def mailbox_field(name: str, display_name: str, address: str) -> str:
    """Return a field with one address, which is ASCII, and the name of whom it belongs to."""
    field = f"{name}: {_phrase(display_name, len(name) + 2)}"
    last_line = field.rpartition("\n")[2]
    separator = " " if len(last_line) + len(address) + 3 <= MAX_LINE else "\r\n "
    return f"{field}{separator}<{address}>"


def _phrase(text: str, used: int) -> str:
    if "=?" not in text and used + len(text) + 2 <= MAX_LINE:
        if _PHRASE.fullmatch(text):
            return text
        if _QUOTABLE.fullmatch(text):
            return f'"{text}"'
    return _encoded(text, used)


def _encoded(text: str, used: int) -> str:
    """Return a text as encoded words, one a line, the first on the line of which ``used`` characters are used."""
    return "\r\n ".join(_words(text, min((_q, _b), key=lambda encode: len(encode(text))), MAX_LINE - used))


def _words(text: str, encode: Callable[[str], str], room: int) -> Iterator[str]:
    """Yield encoded words, none of which ends inside a character: readers decode each by itself."""
    word = ""
    for character in text:
        if len(encode(word + character)) > room:
            yield encode(word)
            word, room = "", MAX_WORD
        word += character
    yield encode(word)


def _q(text: str) -> str:
    encoded = "".join("_" if byte == 0x20 else chr(byte) if byte in _IN_Q else f"={byte:02X}" for byte in text.encode())
    return f"=?utf-8?q?{encoded}?="


def _b(text: str) -> str:
    return f"=?utf-8?b?{b64encode(text.encode()).decode()}?="
