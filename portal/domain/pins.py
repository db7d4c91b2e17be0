"""The one place that normalises a PIN. A PIN is a secret: nothing here prints it."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

PinCase = Literal["lower", "upper", "keep"]

# Longer than any PIN with all the separators that a person could add.
_MAX_INPUT_LENGTH = 200
# Soft hyphen, minus sign, zero-width characters, and the direction marks that some keyboards add.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u2212\u180e\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u061c"), None)


class MalformedPin(ValueError):
    """The input can't be a PIN. It is not part of the error."""


@dataclass(frozen=True, repr=False)
class Pin:
    """A normalised PIN, as Zype knows it, that does not print itself."""

    secret: str

    def __repr__(self) -> str:
        return "<Pin>"

    __str__ = __repr__


@dataclass(frozen=True)
class PinRules:
    """The operator's rules: letters are folded to PORTAL_PIN_CASE, then the whole must match PORTAL_PIN_PATTERN."""

    case: PinCase = "lower"
    pattern: re.Pattern[str] = re.compile(r"[a-z0-9]{4,16}")

    def normalise(self, typed: str) -> Pin:
        """Return the PIN that was typed.

        White space, dashes and invisible marks are dropped, full-width forms and foreign decimal digits
        become ASCII, and the case is folded. Look-alikes (0 and o, 1 and l) are never swapped: only
        Zype knows which PINs exist.

        Raises:
            MalformedPin: if anything but printable ASCII is left, or the pattern does not match.
        """
        if len(typed) > _MAX_INPUT_LENGTH:
            raise MalformedPin("longer than any PIN")
        text = _to_ascii(typed)
        if not all(" " < character <= "~" for character in text):
            raise MalformedPin("not printable ASCII")
        text = {"lower": text.lower(), "upper": text.upper(), "keep": text}[self.case]
        if not self.pattern.fullmatch(text):
            raise MalformedPin("not of the pattern")
        return Pin(text)

    def appears_in(self, pin: Pin, text: str) -> bool:
        """Tell whether a text contains a PIN, in any spelling and with anything between its letters."""
        plain = _to_ascii(text)
        if pin.secret.isalnum():
            # Dots and commas between its letters don't hide it either.
            plain = "".join(filter(str.isalnum, plain))
        return pin.secret.casefold() in plain.casefold()


def _to_ascii(text: str) -> str:
    """Return a text in ASCII, as far as that is possible, without spaces, dashes and invisible marks."""
    return "".join(_character_to_ascii(character) for character in text.translate(_INVISIBLE))


def _character_to_ascii(character: str) -> str:
    # Python counts U+001C to U+001F as space; in Unicode they are controls.
    category = unicodedata.category(character)
    if category == "Pd" or (character.isspace() and character not in "\x1c\x1d\x1e\x1f"):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    return character
