"""What can be read in the text of an operator's pattern. Python's own parser of regular expressions is private."""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from string import printable

# A set, an escape, the beginning of a group, a repetition, any other character.
_PIECES = re.compile(
    r"\[(?P<negated>\^?)(?P<members>\]?(?:\\.|[^\\\]])*)\]"
    r"|\\(?P<escaped>.)"
    r"|(?P<group>\(\?(?:#[^)]*|P?<\w+>|P=\w+|<?[=!]|[a-zA-Z-]*:?))"
    r"|\{(?P<least>[0-9]*),?[0-9]*\}"
    r"|(?P<other>.)",
    re.DOTALL,
)
_RANGE = re.compile(r"(?:\\.|[^\\])-(?:\\.|[^\\])", re.DOTALL)
_MEMBER = re.compile(r"\\?(.)", re.DOTALL)
_SYNTAX = frozenset("^$*+?()|{}[]")


@lru_cache(maxsize=64)
def named_characters(pattern: re.Pattern[str]) -> frozenset[str]:
    """Return the spaces and punctuation that a pattern names: written as themselves, in a set or not, or escaped.

    A range, ``.`` or a class such as ``\\S`` names none, nor does a set of what is excluded.
    """
    named: set[str] = set()
    for piece in _PIECES.finditer(pattern.pattern):
        if piece["members"] and not piece["negated"]:
            named.update(_MEMBER.findall(_RANGE.sub("", piece["members"])))
        elif piece["escaped"] or piece["other"] not in (None, ".", *_SYNTAX):
            named.add(piece["escaped"] or piece["other"])
    return frozenset(character for character in named if not character.isalnum())


def sample(pattern: re.Pattern[str]) -> str:
    """Return a character for each piece of a pattern, as often as it has to be there: often a text that matches."""
    text: list[str] = []
    for piece in _PIECES.finditer(pattern.pattern):
        if piece["least"] is not None:
            text += text[-1:] * (int(piece["least"] or 0) - 1)
        elif not piece["group"] and piece["other"] not in _SYNTAX:
            text += _first_match(piece[0])
    return "".join(text)


def _first_match(piece: str) -> Iterator[str]:
    """Yield a character that a piece matches, unless there is none, as with the start of a word."""
    with suppress(re.error):
        compiled = re.compile(piece)
        # Letters in both cases and digits first.
        yield from [c for c in f"a0A{printable}" if compiled.fullmatch(c)][:1]
