"""What counts as one plain email address. No address is looked up anywhere."""

import re

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

# Domains such as example.invalid and tv.local. An operator's own mail server may reach some of them.
SPECIAL_USE_DOMAIN_NAMES.clear()
# Mail programs and libraries decode this wherever a header has it (RFC 2047), also where it is part of an address: what
# comes out may be another header.
_ENCODED_WORD = re.compile(r"=\?.*\?=")


def split_email(text: str) -> tuple[str, str]:
    """Return the part before the @, and the domain in ASCII; raises ValueError, without the text, for anything else.

    Anything else is a name with an address, two addresses, a quoted or commented part, an IP address as the domain, an
    encoded word, and what is longer than RFC 5321 allows.
    """
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=False, strict=True)
    except EmailNotValidError:
        # Its text may hold the address.
        raise ValueError("no plain email address") from None
    if _ENCODED_WORD.search(found.local_part) or not found.ascii_domain:
        raise ValueError("no plain email address")
    return found.local_part, found.ascii_domain


def is_plain_ascii_email(text: str) -> bool:
    """Tell whether a text is one plain email address in ASCII."""
    try:
        split_email(text)
    except ValueError:
        return False
    return text.isascii()
