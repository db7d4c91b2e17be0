"""Draws the night of a launch as a plot."""

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.axes import Axes

from tests.benchmarks.figures import percentile
from tests.benchmarks.launch_report import TOLD, in_order
from tests.benchmarks.launch_viewer import TURNED_AWAY, Night
from tests.benchmarks.night import END, HANGS_FROM, HANGS_TO
from tests.benchmarks.reconciliation import LINKED, NO_ANSWER, NOT_FOUND, UNKNOWN

# Told apart by those who see colours differently too, and in grey.
COLOURS = {
    LINKED: "#1b7f4c",
    NOT_FOUND: "#e3b341",
    "unavailable": "#9ec5e8",
    TURNED_AWAY: "#5b8db8",
    UNKNOWN: "#c44e2b",
    "too_many": "#8f6fb3",
    NO_ANSWER: "#222222",
}
OTHER = "#888888"
BUCKETS_A_MINUTE = 4
INCHES = (8.4, 6.0)


def draw(night: Night, path: Path) -> None:
    """Draw what viewers saw, and below it how long it took, into an SVG file."""
    # The same night gives the same file.
    mpl.rcParams.update({"svg.hashsalt": "launch", "svg.fonttype": "none", "font.size": 9})
    figure, (seen, times) = pyplot.subplots(2, 1, sharex=True, figsize=INCHES, height_ratios=(3, 2))
    draw_pages(night, seen)
    draw_times(night, times)
    for axes in (seen, times):
        axes.axvspan(HANGS_FROM, HANGS_TO, color="#00000012", zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(0, END)
    seen.text(
        (HANGS_FROM + HANGS_TO) / 2, 0.98, "Zype hangs", ha="center", va="top", transform=seen.get_xaxis_transform()
    )
    times.set_xlabel("minute")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def buckets(values: list[float]) -> list[int]:
    """Return how many minutes lie in each bucket of the night."""
    counts = [0] * int(END * BUCKETS_A_MINUTE)
    for value in values:
        if value < END:
            counts[int(value * BUCKETS_A_MINUTE)] += 1
    return counts


def draw_pages(night: Night, axes: Axes) -> None:
    """Draw how many viewers were told what, as bars on one another, and how many arrived."""
    width = 1 / BUCKETS_A_MINUTE
    middles = [(index + 0.5) * width for index in range(int(END * BUCKETS_A_MINUTE))]
    below = [0] * len(middles)
    for page in in_order({page for _, page, _ in night.answers}):
        counts = buckets([minute for minute, each, _ in night.answers if each == page])
        above = [low + count for low, count in zip(below, counts, strict=True)]
        # One shape for each page: bars would be hundreds.
        label, colour = TOLD.get(page, page), COLOURS.get(page, OTHER)
        axes.fill_between(middles, below, above, step="mid", color=colour, label=label, linewidth=0)
        below = above
    axes.plot(middles, buckets(night.arrivals), color="#222222", linewidth=1, linestyle="--", label="arrivals")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(f"in {60 // BUCKETS_A_MINUTE} seconds")
    axes.set_title("What viewers were told", loc="left")
    axes.legend(frameon=False, loc="upper right")


def draw_times(night: Night, axes: Axes) -> None:
    """Draw how long the page and the answers to a PIN took, in half and in 99 of 100 cases."""
    posts = [(minute, seconds) for minute, page, seconds in night.answers if page != TURNED_AWAY]
    for name, times, colour in (("PIN sent", posts, "#c44e2b"), ("page opened", night.pages, "#1f5eff")):
        minutes = [minute + 0.5 for minute in range(int(END)) if any(int(when) == minute for when, _ in times)]
        for share, style in ((0.5, "-"), (0.99, ":")):
            found = [percentile([s for when, s in times if int(when) == int(minute)], share) for minute in minutes]
            axes.plot(minutes, found, style, color=colour, marker=".", label=f"{name}, p{share * 100:.0f}")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("seconds")
    axes.set_title("How long it took", loc="left")
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=4)
