"""Reads a message by the letter of RFC 5322 and RFC 2047; what no reader has to understand fails."""

import re
from base64 import b64decode
from dataclasses import dataclass
from quopri import decodestring

_ENCODED_WORD = re.compile(r"=\?utf-8\?(?:q\?([A-Za-z0-9!*+/=_-]+)|b\?([A-Za-z0-9+/=]+))\?=")
_HEX = re.compile(r"(?:[^=]|=[0-9A-F]{2})*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_QUOTED = re.compile(r'"([ !#-\[\]-~]*)"')


@dataclass(frozen=True)
class ReadMessage:
    """What a reader shows of a message of plain text.

    Args:
        fields: the value of each field of the header, as it is without its folding.
    """

    fields: dict[str, str]
    text: str

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return decoded(self.fields["Subject"])

    @property
    def sender(self) -> tuple[str, str]:
        """The sender's name, decoded, and address."""
        return mailbox(self.fields["From"])


def read(content: bytes) -> ReadMessage:
    """Return a message as it is on the wire."""
    assert content.count(b"\n") == content.count(b"\r") == content.count(b"\r\n"), "a line ends otherwise"
    head, _, body = content.partition(b"\r\n\r\n")
    assert body.isascii(), "the body is not 7-bit"
    assert max(len(line) for line in body.split(b"\r\n")) <= 76
    fields: dict[str, str] = {}
    for field in re.split("\r\n(?![ \t])", head.decode()):
        name, value = unfolded(field)
        assert name not in fields, f"{name} is there twice"
        fields[name] = value
    encoding = fields["Content-Transfer-Encoding"]
    decode = {"quoted-printable": decodestring, "base64": b64decode}[encoding]
    return ReadMessage(fields, decode(body).decode().replace("\r\n", "\n"))


def unfolded(field: str) -> tuple[str, str]:
    """Return name and value of a field that may be folded."""
    lines = field.split("\r\n")
    for line in lines:
        assert len(line) <= (76 if "=?" in line else 998), line
    name, separator, first = lines[0].partition(": ")
    assert separator, field
    assert first.strip(), f"{name} is folded before its first word"
    for line in lines[1:]:
        assert re.match("[ \t][^ \t]", line), f"{name} has an empty line, or more white space than its folding needs"
    return name, "".join([first, *lines[1:]])


def decoded(value: str) -> str:
    """Return an unfolded value, its encoded words decoded each by itself."""
    words = re.split(r"( +)", value)
    texts = [_word(word) for word in words]
    # White space between two encoded words is not shown; any other is.
    is_between = [
        0 < at < len(words) - 1 and not word.strip() and "=?" in words[at - 1] and "=?" in words[at + 1]
        for at, word in enumerate(words)
    ]
    return "".join(text for text, drop in zip(texts, is_between, strict=True) if not drop)


def _word(word: str) -> str:
    if "=?" not in word:
        assert re.fullmatch("[ -~]*", word), word
        return word
    found = _ENCODED_WORD.fullmatch(word)
    assert found, f"{word} is no encoded word of UTF-8"
    assert len(word) <= 75, word
    in_q, in_b = found.groups()
    if in_b:
        return b64decode(in_b, validate=True).decode()
    assert _HEX.fullmatch(in_q), word
    return decodestring(in_q.replace("_", " ").encode()).decode()


def mailbox(value: str) -> tuple[str, str]:
    """Return the name and the address in an unfolded value that is one mailbox with a name."""
    found = re.fullmatch(r"(.+) <([!-;=?-~]+)>", value)
    assert found, value
    name, address = found.groups()
    if quoted := _QUOTED.fullmatch(name):
        assert "=?" not in name
        return quoted[1], address
    assert "=?" in name or _ATOMS.fullmatch(name), f"{name} has to be in quotation marks"
    return decoded(name), address
