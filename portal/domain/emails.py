"""The one place that reads an email address as people type and paste it."""

import re
from urllib.parse import unquote

from portal.domain.characters import full_width_to_ascii, is_control, is_invisible, is_white_space

# RFC 5321 section 4.5.3.1.3 limits a path to 256 octets with its two angle brackets.
MAX_LENGTH = 254
# Longer than any address with a name, a scheme and parameters.
_MAX_TYPED = 2000

# Dots and at signs of East Asian keyboards that are no full-width forms.
_SMALL_FORMS = str.maketrans({"\u3002": ".", "\uff61": ".", "\ufe52": ".", "\ufe6b": "@"})
_MAILTO = re.compile(r"mailto:/*(?P<address>[^?]*)(?:\?.*)?", re.IGNORECASE)
# With what programs write around the address behind a name.
_NAMED = re.compile(r"[^<>()\[\]]*[<(\[](?P<address>[^<>()\[\]]*)[>)\]][\s.,;]*")
# Neither in an address: what stands around it in a text, or ends the sentence. RFC 5322 (atext) allows the rest.
_BEFORE = '"(<[{«»„“”‚‘’‹›「『【《〈（,;: '
_AFTER = '")>]}«»„“”‚‘’‹›」』】》〉）.,;:!?…、'
# Allowed at the start of an address, but quotes or emphasis if one is at the end too.
_PAIRED = "'`*_~|"
# One @, and neither spaces, controls, quotes, brackets nor what separates addresses on either side of it.
_ADDRESS = re.compile(r'[^\s@"(),:;<>\[\\\]]+@[^\s@"(),:;<>\[\\\]]+')


def normalise_email(typed: str) -> str | None:
    """Return the email address that was typed; none if it is no address.

    White space around it and around the @, what can't be seen, ``mailto:``, ``Name <…>``, quotes and brackets around it
    and a dot or comma after it are dropped. Full-width forms become ASCII. No other letter is changed: what looks like
    another letter is another address. The case is kept.
    """
    if len(typed) > _MAX_TYPED:
        return None
    text = _undecorated(_inside(_NAMED, _seen(typed)))
    link = _MAILTO.fullmatch(text)
    if link:
        # RFC 6068, section 2: it is percent-encoded.
        text = _undecorated(_inside(_NAMED, _seen(unquote(link["address"]))))
    text = "@".join(part.strip() for part in text.split("@"))
    return text if len(text) <= MAX_LENGTH and _is_address(text) else None


def _seen(text: str) -> str:
    """Return what is seen of a text, in plain forms; nothing of one with a control character."""
    if any(is_control(character) for character in text):
        return ""
    seen = "".join(" " if is_white_space(c) else c for c in text if not is_invisible(c)).strip()
    return full_width_to_ascii(seen).translate(_SMALL_FORMS)


def same_email(one: str, other: str) -> bool:
    """Tell whether two addresses are the same: only the case of ASCII letters may differ."""
    return _folded(one) == _folded(other)


def _inside(wrapping: re.Pattern[str], text: str) -> str:
    match = wrapping.fullmatch(text)
    return match["address"] if match else text


def _undecorated(text: str) -> str:
    """Return a text without quotes, brackets and the end of a sentence around it, however they are nested."""
    text = text.lstrip(_BEFORE).rstrip(_AFTER + " ")
    while len(text) > 2 and text[0] == text[-1] and text[0] in _PAIRED:
        text = text[1:-1].lstrip(_BEFORE).rstrip(_AFTER + " ")
    return text


def _is_address(text: str) -> bool:
    domain = text.rpartition("@")[2]
    # The part before the @ may have two dots in a row: some carriers in Japan gave out such addresses.
    return _ADDRESS.fullmatch(text) is not None and ".." not in domain and domain[0] not in ".-"


def _folded(email: str) -> str:
    # Other case pairs, such as the long s, are different addresses.
    return "".join(character.lower() if character.isascii() else character for character in email.strip())
