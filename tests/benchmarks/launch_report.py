"""The night of a launch as a table, a line a minute."""

from math import ceil

from tests.benchmarks.figures import percentile
from tests.benchmarks.launch_viewer import TURNED_AWAY, Night
from tests.benchmarks.night import END, HANGS_FROM, HANGS_TO
from tests.benchmarks.reconciliation import LINKED, NO_ANSWER, NOT_FOUND, UNKNOWN
from tests.benchmarks.report import table

# What a viewer is told, in the order of the table and of the plot.
TOLD = {
    LINKED: "linked",
    NOT_FOUND: "PIN not found",
    "unavailable": "not now, PIN kept",
    TURNED_AWAY: "sign-in not now",
    UNKNOWN: "did not hear back",
    "too_many": "too many tries",
    NO_ANSWER: "no answer",
}


def in_order(pages: set[str]) -> list[str]:
    """Return pages in the order of the table; those that it does not know come last."""
    return [page for page in TOLD if page in pages] + sorted(pages - TOLD.keys())


def night_table(night: Night) -> str:
    """Return a table of what viewers saw in each minute, and how long it took."""
    pages = in_order({page for _, page, _ in night.answers})
    head = ("minute", "arrivals", *(TOLD.get(page, page) for page in pages), "page, p99", "PIN sent, p50", "p99")
    last = max((minute for minute, _, _ in night.answers), default=END)
    return table(head, [minute_row(night, minute, pages) for minute in range(ceil(last))])


def minute_row(night: Night, minute: int, pages: list[str]) -> list[object]:
    """Return one minute's row."""
    answers = [(page, seconds) for when, page, seconds in night.answers if int(when) == minute]
    opened = [seconds for when, seconds in night.pages if int(when) == minute]
    posts = [seconds for page, seconds in answers if page != TURNED_AWAY]
    hangs = " (Zype hangs)" if minute + 1 > HANGS_FROM and minute < HANGS_TO else ""
    counts = [sum(page == each for page, _ in answers) for each in pages]
    times = (told(opened, 0.99), told(posts, 0.5), told(posts, 0.99))
    return [f"{minute + 1}{hangs}", sum(int(when) == minute for when in night.arrivals), *counts, *times]


def told(times: list[float], share: float) -> str:
    """Return a time in words."""
    if not times:
        return "–"
    seconds = percentile(times, share)
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def summary(night: Night) -> str:
    """Return how the evenings of all viewers ended."""
    ends = ", ".join(f"{end}: {count:,}" for end, count in sorted(night.ends.items(), key=lambda each: -each[1]))
    came = f"{len(night.arrivals):,} viewers came ({ends})."
    return f"{came} {len(night.sent):,} PINs were sent, and every page agreed with what arrived at Zype."
