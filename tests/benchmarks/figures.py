"""What was measured, round by round, and what is computed from it: medians, ranges, and ratios of pairs."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.benchmarks.reconciliation import TURNED_AWAY

BARE, DURABLE, PORTAL = "bare", "durable", "portal"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


class Setting(NamedTuple):
    """Under which load something was measured.

    Args:
        case: what visitors did.
        visitors: how many at once.
        delay: seconds that Zype took for an answer.
        database: the portal's and the durable floor's.
    """

    case: str
    visitors: int = 16
    delay: float = 0.0
    database: str = SQLITE


class Measured(NamedTuple):
    """One run.

    Args:
        rate: answers a second, without those that turned a visitor away.
        p50: milliseconds within which half of the answers came; so ``p99``.
        cpu: microseconds of CPU time that the server's processes took for an answer.
        database_cpu: those of PostgreSQL.
        load: the share of its core that load and stand-in used, with PostgreSQL.
        others: cores that other processes of the machine used meanwhile.
        turned_away: the share of answers that told a visitor to try again, since every place for calls was taken.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float
    load: float
    others: float
    turned_away: float = 0.0


class Spread(NamedTuple):
    """A median with its range."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the one of some values."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass
class Figures:
    """Everything that a run of the benchmark measured.

    Args:
        runs: by setting and server, a run a round.
        others: single figures by name, such as the seconds that each start of the portal took.
        posts: of PINs, whose pages were all compared with what arrived at Zype.
        faults: what pages and Zype told differently; the benchmark is void if there is one.
        disturbed: runs that others disturbed, however often they were repeated.
    """

    runs: dict[tuple[Setting, str], list[Measured]] = field(default_factory=lambda: defaultdict(list))
    others: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    posts: int = 0
    faults: list[str] = field(default_factory=list)
    disturbed: int = 0

    def values(self, setting: Setting, server: str, figure: str) -> list[float]:
        """Return a figure of each round; none if it was not measured."""
        return [getattr(run, figure) for run in self.runs.get((setting, server), [])]

    def ratios(self, setting: Setting, figure: str, least: str) -> list[float]:
        """Return the portal's figure divided by a floor's, pair by pair."""
        pairs = zip(self.values(setting, PORTAL, figure), self.values(setting, least, figure), strict=False)
        return [portal / floor for portal, floor in pairs if floor]

    def added(self, setting: Setting, figure: str, least: str) -> list[float]:
        """Return how much larger the portal's figure is than a floor's, pair by pair."""
        pairs = zip(self.values(setting, PORTAL, figure), self.values(setting, least, figure), strict=False)
        return [portal - floor for portal, floor in pairs]


def percentile(times: Sequence[float], share: float) -> float:
    """Return the time within which this share of all came."""
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def measured(result: dict[str, Any]) -> Measured:
    """Return the figures of a run, from what its load printed. A run without one answer has none, and raises."""
    pages = result["times"]
    turned_away = len(pages.get(TURNED_AWAY, ()))
    times = [seconds for page, found in pages.items() if page != TURNED_AWAY for seconds in found]
    cpu, seconds = result["cpu"], result["seconds"]
    beside = sum(cpu.get(name, 0.0) for name in ("load", "zype", "database"))
    return Measured(
        rate=len(times) / seconds,
        p50=percentile(times, 0.5) * 1000,
        p99=percentile(times, 0.99) * 1000,
        cpu=cpu["server"] / len(times) * 1e6,
        database_cpu=cpu.get("database", 0.0) / len(times) * 1e6,
        load=beside / seconds,
        others=cpu["others"] / seconds,
        turned_away=turned_away / (turned_away + len(times)),
    )
