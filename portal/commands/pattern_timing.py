"""How long an operator's pattern takes on what is worst for it: some take twice as long for each further character."""

import re
import time
from collections.abc import Iterator
from itertools import product

from portal.domain.patterns import sample

# Of one processor, for one text. A sound pattern takes a thousandth of it.
SLOW_SECONDS = 0.01
TRIES = 3
# What no piece of most patterns matches, so that every way to match the rest is tried.
ENDS = ("!", "~", "")
# Of letters, capitals and digits each.
ALPHABET = "aA0"
# Up to here one character more at a time: the first text that is slow takes only a few times SLOW_SECONDS.
STEPWISE = 32


def slow_length(pattern: re.Pattern[str], longest: int) -> int | None:
    """Return the length of a text on which a pattern is slow; none if no tried text of up to ``longest`` is."""
    for text in _hostile_texts(pattern, longest):
        # Other work of the machine is no fault of the pattern.
        if _seconds(pattern, text) > SLOW_SECONDS and min(_seconds(pattern, text) for _ in range(TRIES)) > SLOW_SECONDS:
            return len(text)
    return None


def _hostile_texts(pattern: re.Pattern[str], longest: int) -> Iterator[str]:
    """Yield texts that begin as the pattern wants, repeat one or two characters, and end with another one."""
    typical = sample(pattern)[: longest - 1]
    characters = sorted({*typical, *ALPHABET})
    repeated = [*characters, *map("".join, product(characters, repeat=2))]
    beginnings = [typical[:length] for length in range(len(typical) + 1)]
    lengths = [*range(1, min(longest, STEPWISE) + 1), *range(2 * STEPWISE, longest, STEPWISE), longest]
    for length, beginning, unit, end in product(lengths, beginnings, repeated, ENDS):
        middle = length - len(beginning) - len(end)
        if middle > 0:
            yield beginning + (unit * middle)[:middle] + end


def _seconds(pattern: re.Pattern[str], text: str) -> float:
    start = time.thread_time()
    pattern.fullmatch(text)
    return time.thread_time() - start
