"""The bytes of a message, which are judged before they are sent: what a library made of its headers counts."""

import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from portal.domain.errors import PortalError


class UnsafeMessage(PortalError):
    """A message would have other headers on the wire than those that were set. The text does not hold them."""


@dataclass(frozen=True)
class WrittenMessage:
    """A message as it is sent, with its envelope."""

    sender: str
    recipient: str
    content: bytes


def written(message: EmailMessage) -> WrittenMessage:
    """Return the bytes of a message with one sender and one recipient.

    Python's library decodes encoded words in addresses, names and subjects, and some of its versions write what comes
    out, line breaks included. So no header may have a line break once it is decoded, each that was set must be there
    once, with no other, and the recipient must be the whole of its header.

    Raises:
        UnsafeMessage: it is another message than the one that was set.
    """
    if any(len(str(value).splitlines()) > 1 for value in message.values()):
        raise UnsafeMessage("a header has several lines")
    sender, recipient = (_only_address(message, name) for name in ("From", "To"))
    content = message.as_bytes(policy=SMTP if recipient.isascii() else SMTPUTF8)
    head = content.partition(b"\r\n\r\n")[0]
    # A line that begins with white space goes on with the header before it.
    lines = re.split(rb"\r\n(?![ \t])|(?<!\r)\n|\r(?!\n)", head)
    names = [line.partition(b":")[0].decode("ascii", "replace").lower() for line in lines]
    if names != [name.lower() for name in message] or len(set(names)) != len(names):
        raise UnsafeMessage("its headers are not those that were set")
    [to] = [line.partition(b":")[2] for line in lines if line.lower().startswith(b"to:")]
    if to.strip() != recipient.encode():
        raise UnsafeMessage("its recipient is not that of the envelope")
    return WrittenMessage(sender, recipient, content)


def _only_address(message: EmailMessage, name: str) -> str:
    addresses = [address for header in message.get_all(name, []) for address in header.addresses]
    if len(addresses) != 1:
        raise UnsafeMessage(f"{name} is not one address")
    return str(addresses[0].addr_spec)
