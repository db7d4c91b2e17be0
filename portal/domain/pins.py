"""The one place that turns what was typed into a PIN. A PIN is a secret: nothing here prints it."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

PinCase = Literal["lower", "upper", "keep"]

# Longer than any PIN with every separator that a person could add; more is not worth normalising.
_LONGEST_INPUT = 200
# Soft hyphen, minus sign, zero-width characters, and the direction marks that keyboards add unseen.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u2212\u180e\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u061c"), None)


class MalformedPin(ValueError):
    """What was typed can't be a PIN. The text is not part of the error."""


@dataclass(frozen=True, repr=False)
class Pin:
    """A normalised PIN that does not print itself.

    Args:
        secret: the PIN as Zype knows it.
    """

    secret: str

    def __repr__(self) -> str:
        return "<Pin>"

    __str__ = __repr__


@dataclass(frozen=True)
class PinRules:
    """How the operator's PINs look: PORTAL_PIN_CASE and PORTAL_PIN_PATTERN.

    Args:
        case: which case letters are folded to before the pattern is applied.
        pattern: the whole folded PIN must match it.
    """

    case: PinCase = "lower"
    pattern: re.Pattern[str] = re.compile(r"[a-z0-9]{4,16}")

    def normalise(self, typed: str) -> Pin:
        """Return the PIN that was meant by what was typed.

        White space, dashes and invisible marks are dropped, full-width forms and foreign decimal digits
        become ASCII, and the case is folded. Look-alikes (0 and o, 1 and l) are never swapped: only
        Zype knows which PINs exist.

        Raises:
            MalformedPin: if anything but printable ASCII is left, or the pattern does not match.
        """
        if len(typed) > _LONGEST_INPUT:
            raise MalformedPin("longer than any PIN")
        text = "".join(_plain(character) for character in typed.translate(_INVISIBLE))
        if not all(" " < character <= "~" for character in text):
            raise MalformedPin("not printable ASCII")
        match self.case:
            case "lower":
                text = text.lower()
            case "upper":
                text = text.upper()
            case "keep":
                pass
        if not self.pattern.fullmatch(text):
            raise MalformedPin("not of the pattern")
        return Pin(text)

    def stands_in(self, pin: Pin, text: str) -> bool:
        """Tell whether a text that is kept would give a PIN away, however its letters are parted or written."""
        plain = "".join(_plain(character) for character in text.translate(_INVISIBLE))
        if pin.secret.isalnum():
            # Nor does a dot or a comma between its letters hide it.
            plain = "".join(filter(str.isalnum, plain))
        return pin.secret.casefold() in plain.casefold()


def _plain(character: str) -> str:
    """Return the ASCII that a character stands for: nothing for spaces and dashes."""
    # Python counts the four separators U+001C to U+001F as space; Unicode and we count them as controls.
    category = unicodedata.category(character)
    if category == "Pd" or (character.isspace() and character not in "\x1c\x1d\x1e\x1f"):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    return character
