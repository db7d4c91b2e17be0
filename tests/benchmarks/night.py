"""The course of the night of a launch: who arrives when, and when Zype answers."""

from collections.abc import Iterator
from random import Random

# Minutes.
END, RUSH, PEAK, HALF_LIFE, HANGS_FROM, HANGS_TO = 10.0, 1.0, 2.0, 1.5, 3.5, 5.5
# Viewers who arrive in a second, on an ordinary evening, and how many times as many at the peak.
ORDINARY, TIMES = 0.16, 50
ZYPE_SECONDS, HANG_SECONDS = 0.3, 3600.0


def rate(minute: float) -> float:
    """Return how many viewers arrive in a second."""
    if minute < RUSH:
        return ORDINARY
    if minute < PEAK:
        return ORDINARY * (1 + (TIMES - 1) * (minute - RUSH) / (PEAK - RUSH))
    return ORDINARY * (1 + (TIMES - 1) * 0.5 ** ((minute - PEAK) / HALF_LIFE))


def arrivals(random: Random, seconds_a_minute: float) -> Iterator[float]:
    """Yield the minutes at which viewers arrive, each independent of the others."""
    minute, most = 0.0, ORDINARY * TIMES
    while True:
        minute += random.expovariate(most * seconds_a_minute)
        if minute >= END:
            return
        if random.random() < rate(minute) / most:
            yield minute
