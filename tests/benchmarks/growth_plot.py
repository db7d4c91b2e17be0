"""Draws how long links take on an empty database and on one that has grown, as shares of all."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

EMPTY, GROWN = "#7a8794", "#0b6bcb"


def draw(links: Mapping[str, tuple[list[float], list[float]]], file: Path, rows: int) -> None:
    """Draw one panel a database; the times are milliseconds."""
    mpl.use("svg")
    figure, panels = plt.subplots(1, len(links), figsize=(8, 3), sharey=True)
    for panel, (name, times) in zip(panels, links.items(), strict=True):
        labels = ("no rows", f"{rows / 1e6:g} million rows")
        for values, label, colour in zip(times, labels, (EMPTY, GROWN), strict=True):
            # A point for each thousandth: the picture stays small.
            ordered, last = sorted(values), len(values) - 1
            shares = [number / 1000 for number in range(1000)] + [1.0]
            panel.plot([ordered[int(share * last)] for share in shares], shares, label=label, color=colour)
        panel.axhline(0.99, linewidth=0.5, color="black")
        panel.set(title=name, xlabel="a link, ms", xscale="log")
    panels[0].set(ylabel="share of links (the line: 0.99)")
    panels[0].legend(frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
