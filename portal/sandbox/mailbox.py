"""The mails that the sandbox took, in memory. It knows nothing of SMTP or HTTP."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any

MOST_MAILS = 500


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived.

    Args:
        time: of arrival, ISO 8601.
        to: whom the server was told to bring it to.
        text: of its plain part.
        language: as its header has it; empty without one.
        headers: all of them by name, in small letters.
    """

    time: str
    to: list[str]
    subject: str
    text: str
    language: str
    headers: dict[str, str]


class Mailbox:
    """The newest mails, as many as MOST_MAILS.

    Args:
        clock: returns the time, aware.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._mails: deque[Mail] = deque(maxlen=MOST_MAILS)

    def take(self, content: bytes, to: Sequence[str]) -> None:
        """Keep a mail, whoever it is for."""
        message = message_from_bytes(content, policy=policy.SMTPUTF8)
        body = message.get_body(("plain",))
        headers = {name.lower(): _readable(str(value)) for name, value in message.items()}
        self._mails.append(
            Mail(
                time=self._clock().isoformat(timespec="seconds"),
                to=list(to),
                subject=headers.get("subject", ""),
                text=_readable("\n".join(body.get_content().splitlines())) if body else "",
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


def _readable(text: str) -> str:
    """Return a text with what Python's parser left as bytes decoded, so that it can be shown."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
