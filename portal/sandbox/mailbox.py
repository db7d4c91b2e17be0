"""The mails that the sandbox received, in memory, without SMTP or HTTP."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any

MAX_MAILS = 500


Mail = dict[str, Any]


class Mailbox:
    """The newest MAX_MAILS mails."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._mails: deque[Mail] = deque(maxlen=MAX_MAILS)

    def add(self, content: bytes, to: Sequence[str]) -> None:
        """Keep a mail; ValueError or LookupError if its character set does not exist or is not that of its text."""
        message = message_from_bytes(content, policy=policy.SMTPUTF8)
        body = message.get_body(("plain",))
        headers = {name.lower(): _decode(str(value)) for name, value in message.items()}
        mail = {
            "time": self._clock().isoformat(timespec="seconds"),
            "to": list(to),
            "subject": headers.get("subject", ""),
            "text": _decode("\n".join(body.get_content().splitlines())) if body else "",
            "language": headers.get("content-language", ""),
            "headers": headers,
        }
        self._mails.append(mail)

    def all(self) -> list[Mail]:
        """Return the mails, oldest first."""
        return list(self._mails)


def _decode(text: str) -> str:
    """Return a text in which the bytes that Python's parser kept undecoded are decoded or replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
