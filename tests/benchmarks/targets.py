"""What the portal has to reach, in one table, and what of it was measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmarks.figures import BARE, DURABLE, POSTGRESQL, Figures, Setting, Spread
from tests.benchmarks.servers import DEADLINE

PAINT_MILLISECONDS, BYTES, REQUESTS = 450, 14_000, 3

ENTRY, LINK = Setting("entry"), Setting("link")
LINK_ALONE, SLOW_LINK = Setting("link", visitors=1), Setting("link", delay=0.05)
LINK_POSTGRESQL = Setting("link", database=POSTGRESQL)

Values = Callable[[Figures], Sequence[float]]


@dataclass(frozen=True)
class Target:
    """One row of the table.

    Args:
        name: what is measured.
        limit: the number to reach, in ``unit``.
        values: returns what was measured, a number a round.
        is_least: the number is a lower limit; else an upper one.
        unit: behind the numbers.
        digits: after the decimal point.
        is_worst: the worst of the rounds counts, not the median.
    """

    name: str
    limit: float
    values: Values
    is_least: bool = False
    unit: str = ""
    digits: int = 2
    is_worst: bool = False

    def wanted(self) -> str:
        """Return the target in words."""
        return f"at {'least' if self.is_least else 'most'} {self._told(self.limit)}"

    def found(self, figures: Figures) -> str:
        """Return what was measured: the median with its range."""
        values = self.values(figures)
        if not values:
            return "not measured"
        spread = Spread.of(values)
        told = self._told(self._judged(spread))
        return told if len(values) == 1 else f"{told} ({self._number(spread.least)} to {self._number(spread.most)})"

    def verdict(self, figures: Figures) -> str:
        """Return whether the target is met."""
        values = self.values(figures)
        if not values:
            return ""
        number = round(self._judged(Spread.of(values)), self.digits)
        is_met = number >= self.limit if self.is_least else number <= self.limit
        return "met" if is_met else "**missed**"

    def _judged(self, spread: Spread) -> float:
        if not self.is_worst:
            return spread.median
        return spread.least if self.is_least else spread.most

    def _told(self, number: float) -> str:
        return f"{self._number(number)}{self.unit}"

    def _number(self, number: float) -> str:
        return f"{number:,.{self.digits}f}"


def ratio(setting: Setting, figure: str, least: str) -> Values:
    """Return what reads a ratio of the portal to a floor."""
    return lambda figures: figures.ratios(setting, figure, least)


def added(setting: Setting, figure: str, least: str = DURABLE) -> Values:
    """Return what reads the milliseconds that the portal adds to a floor's."""
    return lambda figures: figures.added(setting, figure, least)


def other(name: str) -> Values:
    """Return what reads a figure that is neither of the two."""
    return lambda figures: figures.others.get(name, [])


MS, ONES = " ms", {"digits": 0, "is_worst": True}
TARGETS = (
    Target("page for the PIN, rate, of the bare floor's", 0.70, ratio(ENTRY, "rate", BARE), is_least=True),
    Target("link, rate, of the durable floor's", 0.80, ratio(LINK, "rate", DURABLE), is_least=True),
    Target(
        "link on PostgreSQL, rate, of the durable floor's", 0.80, ratio(LINK_POSTGRESQL, "rate", DURABLE), is_least=True
    ),
    Target("link, p99, of the durable floor's", 1.5, ratio(LINK, "p99", DURABLE)),
    Target("link on PostgreSQL, p99, of the durable floor's", 1.5, ratio(LINK_POSTGRESQL, "p99", DURABLE)),
    Target("link of one user, p50, more than the durable floor", 2.5, added(LINK_ALONE, "p50"), unit=MS),
    Target("link of one user, p50, more than the bare floor", 2.5, added(LINK_ALONE, "p50", BARE), unit=MS),
    Target("link with Zype at 50 ms, p50, more than the durable floor", 5, added(SLOW_LINK, "p50"), unit=MS, digits=1),
    Target("link with Zype at 50 ms, p99, more than the durable floor", 20, added(SLOW_LINK, "p99"), unit=MS, digits=1),
    Target("page while Zype hangs, p99, of its idle p99", 1.5, other("hang_ratio")),
    Target("pages that failed meanwhile", 0, other("hang_failures"), **ONES),
    Target("page of a portal that is busy, p50", 10, other("busy_ms"), unit=MS, digits=1),
    Target("longest POST while Zype hangs", DEADLINE, other("longest_post"), unit=" s", digits=1, is_worst=True),
    Target("cold start", 1.0, other("start_seconds"), unit=" s"),
    Target("memory of a worker after load", 60, other("loaded_megabytes"), unit=" MB", digits=1, is_worst=True),
    Target("requests for the page", REQUESTS, other("page_requests"), **ONES),
    Target("bytes of the page", BYTES, other("page_size"), **ONES),
    Target("first contentful paint on a slow phone", PAINT_MILLISECONDS, other("page_paint"), unit=MS, digits=0),
    Target("layout shift", 0, other("page_shift"), digits=3, is_worst=True),
    Target("PINs sent, each page compared with Zype", 10_000, lambda figures: [figures.posts], is_least=True, digits=0),
    Target("pages that disagree with Zype", 0, lambda figures: [len(figures.faults)], digits=0),
)
