"""A message as it is sent: its envelope and its bytes, which are ASCII, so that no mail server has to change them."""

from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class WrittenMessage:
    """A message with one sender and one recipient.

    Args:
        content: only the recipient's own address may be other than ASCII.
    """

    sender: str
    recipient: str
    content: bytes


def written(sender: str, recipient: str, fields: Sequence[str], text: str) -> WrittenMessage:
    """Return a message of plain text.

    Args:
        fields: the header but for what says how the text is encoded: each as it is on the wire, without its last line
            break.
        text: of any length a line; servers change lines of more than 998 bytes, or of bytes that are not ASCII.
    """
    encoding, body = _encoded(text)
    mime = ("MIME-Version: 1.0", 'Content-Type: text/plain; charset="utf-8"', f"Content-Transfer-Encoding: {encoding}")
    header = "".join(f"{field}\r\n" for field in (*fields, *mime))
    return WrittenMessage(sender, recipient, header.encode() + b"\r\n" + body.replace(b"\n", b"\r\n"))


def _encoded(text: str) -> tuple[str, bytes]:
    """Return the shorter of the two encodings that ASCII has for text, and the text in it."""
    lines = text.encode().splitlines()
    quoted = b2a_qp(b"".join(line + b"\n" for line in lines))
    in_base64 = encodebytes(b"".join(line + b"\r\n" for line in lines))
    # Mailboxes of one file begin a message with such a line, and a server would put a > before it.
    if len(quoted) <= len(in_base64) and b"\nFrom " not in b"\n" + quoted:
        return "quoted-printable", quoted
    return "base64", in_base64
