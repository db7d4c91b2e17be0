"""The mails that the sandbox received, in memory, without SMTP or HTTP."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any

MAX_MAILS = 500


@dataclass(frozen=True)
class Mail:
    """A mail.

    Args:
        time: of arrival, ISO 8601.
        to: the recipients given to the server.
        text: of the plain-text part.
        language: of the Content-Language header, or empty.
        headers: by name in lower case.
    """

    time: str
    to: list[str]
    subject: str
    text: str
    language: str
    headers: dict[str, str]


class Mailbox:
    """The newest MAX_MAILS mails."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._mails: deque[Mail] = deque(maxlen=MAX_MAILS)

    def add(self, content: bytes, to: Sequence[str]) -> None:
        """Keep a mail.

        Raises:
            ValueError, LookupError: its character set does not exist, or is not that of its text.
        """
        message = message_from_bytes(content, policy=policy.SMTPUTF8)
        body = message.get_body(("plain",))
        headers = {name.lower(): _decode(str(value)) for name, value in message.items()}
        self._mails.append(
            Mail(
                time=self._clock().isoformat(timespec="seconds"),
                to=list(to),
                subject=headers.get("subject", ""),
                text=_decode("\n".join(body.get_content().splitlines())) if body else "",
                language=headers.get("content-language", ""),
                headers=headers,
            )
        )

    def newest_first(self) -> list[Mail]:
        """Return the mails."""
        return list(self._mails)[::-1]

    def as_json(self) -> list[dict[str, Any]]:
        """Return the mails, oldest first."""
        return [asdict(mail) for mail in list(self._mails)]


def _decode(text: str) -> str:
    """Return a text in which the bytes that Python's parser kept undecoded are decoded or replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
