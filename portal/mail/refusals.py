"""What a mail server's refusal is about: this recipient and this message, or us, whom the operator can help."""

import re
from dataclasses import dataclass

# An enhanced code (RFC 3463) begins the text (RFC 2034).
_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")
# RFC 3463: the address, the mailbox, the content. Network, protocol, and policy, which many servers tell only at the
# recipient or after the message, can be mended, and so can what is wrong with the sender's address.
_ABOUT_THIS_MESSAGE = (1, 2, 6)
_ABOUT_THE_SENDER = ((1, 7), (1, 8))
# RFC 5321, section 4.2.3: what is wrong with a mailbox.
_ABOUT_THE_MAILBOX = (550, 551, 552, 553)


@dataclass(frozen=True)
class Refusal:
    """A reply with which a server refuses a recipient or a message, without its words, which may hold an address.

    Args:
        code: of three digits.
        enhanced: the three numbers of its enhanced code, if it has one.
    """

    code: int
    enhanced: tuple[int, int, int] | None = None

    @classmethod
    def of(cls, code: int, text: bytes | str) -> "Refusal":
        """Return the refusal in a server's reply."""
        found = _ENHANCED.match(text.encode("utf-8", "replace") if isinstance(text, str) else text)
        if found is None:
            return cls(code)
        first, subject, detail = map(int, found.groups())
        return cls(code, (first, subject, detail))

    def __str__(self) -> str:
        return " ".join([str(self.code), *([".".join(map(str, self.enhanced))] if self.enhanced else [])])

    def is_permanent(self, *, is_of_recipient: bool) -> bool:
        """Tell whether the server will refuse the same later too, whatever the operator corrects.

        Without an enhanced code that can be told of a recipient alone. A message that is refused after its recipient
        was accepted is refused for what all our messages have in common: a sender who is not verified, or the rate.
        """
        if self.code < 500:
            return False
        if self.enhanced is None:
            return is_of_recipient and self.code in _ABOUT_THE_MAILBOX
        kind, *subject = self.enhanced
        return kind == 5 and subject[0] in _ABOUT_THIS_MESSAGE and tuple(subject) not in _ABOUT_THE_SENDER
