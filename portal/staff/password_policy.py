"""Which passwords an agent may choose (NIST SP 800-63B-4, section 3.1.1.2): long ones that nobody tries first.

There are no rules about kinds of characters, and no password ends by itself, but one that somebody else has seen.
"""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import cache

from portal.staff.common_passwords import SEQUENCES, WORDS

# A password is one of two factors here, for which 8 would do; what it opens can link a TV to any account.
MIN_LENGTH, MAX_LENGTH = 12, 256
# So many characters must be left without the words and sequences that everybody chooses.
MIN_OWN_CHARACTERS = 8
_SHORTEST_WORD, _SHORTEST_SEQUENCE = 3, 4
_LOOK_ALIKES = str.maketrans("0134578@$!", "oieastbasi")
_YEAR = re.compile("(?:19|20)[0-9]{2}")
# A part that follows itself counts once.
_REPEATED = re.compile(r"(.{1,32}?)\1+", re.DOTALL)
# In place of what was taken out, so that what stood around it makes no new word.
_GAP = "\0"


class PasswordFault(StrEnum):
    """Why a password can't be chosen."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    COMMON = "common"


def normalised(password: str) -> str:
    """Return a password as it is hashed: keyboards and systems give the same characters in several forms."""
    return unicodedata.normalize("NFKC", password)


def fault(password: str, context: Iterable[str] = ()) -> PasswordFault | None:
    """Return why a password can't be chosen, or none if it can.

    Args:
        password: as typed.
        context: names that whoever guesses knows: of the site, of the account, of its owner.
    """
    text = normalised(password)
    if len(text) < MIN_LENGTH:
        return PasswordFault.TOO_SHORT
    if len(text) > MAX_LENGTH:
        return PasswordFault.TOO_LONG
    words = {*_common_parts(), *_words_of(context)}
    folded = "".join(text.casefold().split())
    own = min(_own_characters(each, words) for each in (folded, folded.translate(_LOOK_ALIKES)))
    return PasswordFault.COMMON if own < MIN_OWN_CHARACTERS else None


def _own_characters(text: str, words: Iterable[str]) -> int:
    """Return how many characters are left without words, years, sequences, and parts that are there again."""
    # Once as it is, for sequences of signs, and once without the signs between the letters of a word.
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, _GAP)
    signs = {character for character in text if not character.isalnum()} - {_GAP}
    letters = "".join(character for character in text if character.isalnum() or character == _GAP)
    for word in sorted(words, key=len, reverse=True):
        letters = letters.replace(word, _GAP)
    letters = _REPEATED.sub(r"\1", _YEAR.sub(_GAP, letters))
    return len(letters.replace(_GAP, "")) + len(signs)


@cache
def _common_parts() -> frozenset[str]:
    """Return the words that everybody chooses, and the parts of sequences in both directions."""
    both = (*SEQUENCES, *(sequence[::-1] for sequence in SEQUENCES))
    parts = {
        sequence[start:end]
        for sequence in both
        for start in range(len(sequence))
        for end in range(start + _SHORTEST_SEQUENCE, len(sequence) + 1)
    }
    return WORDS | parts


def _words_of(context: Iterable[str]) -> set[str]:
    words: set[str] = set()
    for name in context:
        parts = re.findall(r"\w+", normalised(name).casefold())
        words |= {*parts, "".join(parts)}
    return {word for word in words if len(word) >= _SHORTEST_WORD}
