"""Cells of a CSV file that no spreadsheet reads as a formula, however it divides the line into cells."""

import re
import unicodedata

# What begins a formula, in every width in which some spreadsheet or its input method reads it.
FORMULA_SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207c\u207a\u208c\u208a\ufb29"
# Spreadsheets divide a line at the separator of their region, or at one that the reader chooses, and some ignore quotes
# while they do.
_SEPARATORS = ",;|\t"
_QUOTES = "\"'`"
# Fillers of Hangul, which are letters and show nothing.
_FILLERS = "\u115f\u1160\u3164\uffa0"
_SIGN = re.compile(f"[{re.escape(FORMULA_SIGNS)}]")


def without_formulas(text: str) -> str:
    """Return a text with an apostrophe before each formula that it, or a part of it as a cell, would begin with.

    A part begins after a separator, a line break, and a control or format character. White space, quotes and what can't
    be seen may stand before a formula.
    """
    if not _SIGN.search(text):
        return text
    pieces, end, start = [], 0, 0
    is_at_start = True
    for index, character in enumerate(text):
        if is_at_start and character in FORMULA_SIGNS:
            pieces.append(text[end:start])
            end, is_at_start = start, False
        elif not is_at_start or not _is_skipped(character):
            is_at_start = _is_separator(character)
            start = index + 1
    return "'".join([*pieces, text[end:]])


def _is_separator(character: str) -> bool:
    return character in _SEPARATORS or unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")


def _is_skipped(character: str) -> bool:
    """Tell whether a formula may stand behind this character at the start of a cell."""
    # White space, controls and formats, marks, and quotes that open or close.
    is_quote = character in _QUOTES or unicodedata.category(character) in ("Pi", "Pf")
    return is_quote or character in _FILLERS or unicodedata.category(character)[0] in "ZCM"
