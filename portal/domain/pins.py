"""The one place that normalises a PIN. A PIN is a secret: nothing here prints it."""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, unquote_plus

from portal.domain.characters import is_punctuation, plain
from portal.domain.hosts import without_default_port
from portal.domain.patterns import named_characters

PinCase = Literal["lower", "upper", "keep"]

# The longest PIN. An operator's pattern may take exponential time, so it is never tried on more.
MAX_LENGTH = 32
# Longer than any PIN with all that a person could add, and than any link with one.
_MAX_TYPED = 2000
_SEPARATORS = frozenset(" -_\u00b7")
# With fewer letters and digits than this, a PIN with other characters too is only looked for as it is.
_MIN_SIGNS = 4

_LINK = re.compile(r"(?:https?://)?(?P<host>[^/?#]+)(?:/+activate)?/*(?P<rest>[?#].*)", re.IGNORECASE)
# What a link has before the PIN in it: the sign of the query or of the fragment, or a percent sign, if that is encoded.
_AFTER_PATH = frozenset("?#%")


class MalformedPin(ValueError):
    """The input can't be a PIN. It is not part of the error."""


@dataclass(frozen=True, repr=False)
class Pin:
    """A normalised PIN, as Zype knows it, that does not print itself.

    Args:
        is_from_link: a link of the portal was typed, so somebody else may have chosen the PIN in it.
    """

    secret: str
    is_from_link: bool = field(default=False, compare=False)

    def __repr__(self) -> str:
        return "<Pin>"

    __str__ = __repr__


@dataclass(frozen=True)
class PinRules:
    """The operator's rules: letters are folded to PORTAL_PIN_CASE, then the whole must match PORTAL_PIN_PATTERN.

    Args:
        public_url: the origin of the portal, to recognise its links; without it no link is recognised.
    """

    case: PinCase = "lower"
    pattern: re.Pattern[str] = re.compile(r"[a-z0-9]{4,16}")
    public_url: str = field(default="", compare=False)

    def normalise(self, typed: str) -> Pin:
        """Return the PIN that was typed, or that is in a link of the portal that was typed.

        White space, dashes, middle dots and what can't be seen are dropped, and punctuation around the whole.
        Full-width forms and foreign decimal digits become ASCII, and the case is folded. A character that the pattern
        names is never dropped. Look-alikes (0 and o, 1 and l) are never swapped: only Zype knows which PINs exist.

        Raises:
            MalformedPin: if more than MAX_LENGTH characters are left, or anything but printable ASCII; or if the
                pattern does not match.
        """
        if len(typed) > _MAX_TYPED:
            raise MalformedPin("longer than any PIN")
        text, linked = typed, None
        if not (typed.isascii() and typed.isalnum()):
            text = _plain(typed)
            linked = self._pin_in_link(text)
            text = self._undecorated(_plain(linked) if linked is not None else text)
        # Before the case is folded: a long s and a Kelvin sign would become ASCII letters.
        if len(text) > MAX_LENGTH or not (text.isascii() and text.isprintable()):
            raise MalformedPin("too long, or not printable ASCII")
        text = {"lower": text.lower(), "upper": text.upper(), "keep": text}[self.case]
        if not self.pattern.fullmatch(text):
            raise MalformedPin("not of the pattern")
        return Pin(text, is_from_link=linked is not None)

    def appears_in(self, pin: Pin, text: str) -> bool:
        """Tell whether a text contains a PIN, in any spelling and with anything between its letters."""
        found, signs = _plain(text), _signs(pin.secret)
        if signs == pin.secret or len(signs) >= _MIN_SIGNS:
            return signs.casefold() in _signs(found).casefold()
        dropped = _SEPARATORS - set(pin.secret)
        return pin.secret.casefold() in "".join(c for c in found if c not in dropped).casefold()

    def _undecorated(self, text: str) -> str:
        """Return a text without separators, and without punctuation around it."""
        named = named_characters(self.pattern)
        return self._unquoted("".join(c for c in text if c in named or c not in _SEPARATORS))

    def _unquoted(self, text: str) -> str:
        """Return a text without white space and punctuation around it, except what the pattern names."""
        named = named_characters(self.pattern)
        return text.strip("".join(c for c in set(text) if c == " " or (is_punctuation(c) and c not in named)))

    def _pin_in_link(self, text: str) -> str | None:
        """Return the PIN in an activation link of the portal, in its query or fragment; none if it is no such link."""
        if not _AFTER_PATH & set(text):
            return None
        address = self._unquoted(text.replace(" ", ""))
        # Some programs encode the sign of the query or the fragment too.
        link = (_LINK.fullmatch(address) or _LINK.fullmatch(unquote(address))) if self.public_url else None
        scheme, _, host = self.public_url.partition("://")
        if link is None or without_default_port(link["host"], scheme) != host:
            return None
        found: str | None = None
        for parameter in re.split("[?#&;]", link["rest"]):
            # Some programs encode the whole fragment.
            name, _, value = (parameter if "=" in parameter else unquote(parameter)).partition("=")
            if unquote(name).lower() == "pin":
                found = found or unquote_plus(value)
        return found


def _plain(text: str) -> str:
    return "".join(map(plain, text))


def _signs(text: str) -> str:
    return "".join(filter(str.isalnum, text))
