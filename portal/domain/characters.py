"""Classes of characters, as people type and paste them: by Unicode's properties, not by lists of what somebody met."""

import unicodedata
from functools import lru_cache

# Default_Ignorable_Code_Point in DerivedCoreProperties.txt of Unicode 16, which Python does not have. Reserved ones are
# in it too, so that characters of later versions are.
_DEFAULT_IGNORABLE = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
# Prepended_Concatenation_Mark in PropList.txt: the only format characters (Cf) that are seen.
_SEEN_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
# Symbols of which nothing is seen: a pattern of Braille without a dot, and what is left of a picture in a copied text.
_BLANK = frozenset("\u2800\ufffc")
# They show a text in another order than it has.
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e")
# What the Dash property of PropList.txt has besides the category Pd, and what keyboards give for a dash: the long vowel
# marks and the wide tilde of Japanese ones, the tatweel of Arabic ones, lines of boxes, a bullet, modifier letters and
# overlines.
_OTHER_DASHES = frozenset(
    "\u2053\u207b\u208b\u2212" + "\u30fc\uff70\uff5e\u0640" + "\u2500\u2501\u23af\u2043\u02d7\u00af\u02c9\u203e\uffe3"
)
# The middle dot and what confusables.txt of UTS #39 has as the same.
_MIDDLE_DOTS = frozenset("\u00b7\u0387\u1427\u16eb\u2022\u2027\u2219\u22c5\u2e31\u30fb\ua78f\uff65\U00010101")
# Symbols in Unicode, but quotes or brackets where people put them around a word.
_ASCII_SYMBOLS = frozenset("$+<=>^`|~")
# Letters in Unicode, but written for quotes and accents.
_MODIFIER_MARKS = frozenset(map(chr, (*range(0x02B9, 0x02C0), *range(0x02C6, 0x02D0), 0x02EE)))
_FULL_WIDTH_FIRST, _FULL_WIDTH_LAST, _FULL_WIDTH_OFFSET = "\uff01", "\uff5e", 0xFEE0


def is_control(character: str) -> bool:
    """Tell whether a character is a control (Cc), white space such as a tab or a line break included."""
    return unicodedata.category(character) == "Cc"


def is_white_space(character: str) -> bool:
    """Tell whether a character is white space (White_Space), some of which are controls too."""
    # Python counts U+001C to U+001F as space; in Unicode they are controls.
    return character.isspace() and character not in "\x1c\x1d\x1e\x1f"


def is_invisible(character: str) -> bool:
    """Tell whether nothing is seen of a character that is no control and no white space, but what it does to others."""
    if unicodedata.category(character) == "Cf":
        return character not in _SEEN_FORMATS
    code = ord(character)
    return character in _BLANK or any(first <= code <= last for first, last in _DEFAULT_IGNORABLE)


def is_punctuation(character: str) -> bool:
    """Tell whether a character is punctuation, a quote or a bracket (P), or is used as one: accents (Sk), symbols."""
    category = unicodedata.category(character)
    return category[0] == "P" or category == "Sk" or character in _ASCII_SYMBOLS or character in _MODIFIER_MARKS


def visible(text: str) -> str:
    """Return a text without what can't be seen: it could not be corrected in a field."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if not is_invisible(c) and (not is_control(c) or is_white_space(c)))


def full_width_to_ascii(text: str) -> str:
    """Return a text with the full-width forms of East Asian keyboards as the ASCII that they stand for."""
    return "".join(map(_full_width_to_ascii, text))


@lru_cache(maxsize=4096)
def plain(character: str) -> str:
    """Return what a character of a typed PIN stands for.

    White space is a space, every dash ``-``, every connector (Pc) ``_``, every middle dot ``·``; foreign decimal digits
    and full-width forms are ASCII; what can't be seen is nothing. Overrides, other controls, emoji and letters stay.
    """
    category = unicodedata.category(character)
    if character in OVERRIDES:
        return character
    if is_white_space(character):
        return " "
    if is_invisible(character):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd" or character in _OTHER_DASHES:
        return "-"
    if category == "Pc":
        return "_"
    return "\u00b7" if character in _MIDDLE_DOTS else _full_width_to_ascii(character)


def _full_width_to_ascii(character: str) -> str:
    is_full_width = _FULL_WIDTH_FIRST <= character <= _FULL_WIDTH_LAST
    return chr(ord(character) - _FULL_WIDTH_OFFSET) if is_full_width else character
