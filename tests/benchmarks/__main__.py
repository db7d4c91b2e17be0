"""``make bench``: the portal beside the least that could do its job, and how near it comes.

The servers under test are on one core, and load, the stand-in for Zype and PostgreSQL on another. Two floors
(``floor_app``) and the portal are measured in alternation, round by round with new servers. Each page that a visitor
sees is compared with what arrived at Zype: one disagreement, and the benchmark is void. docs/performance.md says how to
read the result.
"""

import os
import signal
import sys
from contextlib import ExitStack

import click
import pytest

from tests.benchmarks import page_paint, servers
from tests.benchmarks.figures import Figures
from tests.benchmarks.hang import measure_hang
from tests.benchmarks.report import rates_table, sections, targets_table, times_table, write
from tests.benchmarks.rounds import QUICKLY, WHOLLY, Extent, Round
from tests.harness.postgres import Cluster


def postgresql(stack: ExitStack) -> Cluster | None:
    """Return a running PostgreSQL, or None where it is not installed."""
    try:
        return stack.enter_context(servers.postgresql())
    except pytest.skip.Exception as missing:
        click.echo(missing.msg)
        return None


def measure_page(figures: Figures, count: int) -> None:
    """Load the page for the PIN in a slow browser, where there is one."""
    try:
        loads = [each[page_paint.ENTRY] for each in page_paint.measure(count)]
    except pytest.skip.Exception as missing:
        click.echo(missing.msg)
        return
    for name in ("paint", "shift", "requests", "size"):
        figures.others[f"page_{name}"] = [getattr(each, name) for each in loads]


def measure(extent: Extent, only_hang: bool) -> Figures:
    """Measure everything, or only what happens while Zype hangs."""
    figures = Figures()
    os.sched_setaffinity(0, {servers.LOAD_CORE})
    if not only_hang:
        with ExitStack() as stack:
            cluster = postgresql(stack)
            for number in range(extent.rounds):
                click.echo(f"round {number + 1} of {extent.rounds}")
                Round(extent, cluster, figures).run(number)
    measure_hang(figures, extent.hang_seconds)
    if not only_hang:
        os.sched_setaffinity(0, servers.CORES)
        measure_page(figures, extent.paints)
    return figures


@click.command()
@click.option("--quick", is_flag=True, help="One short round, to see that it works; the documentation stays as it is.")
@click.option("--hang", is_flag=True, help="Only what happens while Zype hangs; the documentation stays as it is.")
def main(quick: bool, hang: bool) -> None:
    """Measure the portal beside the two floors, and write the figures into the documentation."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    figures = measure(QUICKLY if quick else WHOLLY, hang)
    click.echo("\n".join(["", targets_table(figures), "", rates_table(figures), "", times_table(figures)]))
    if figures.faults:
        click.echo("\n".join(["void:", *figures.faults[:20]]), err=True)
        sys.exit(1)
    if not (quick or hang):
        write(sections(figures), "bench")


if __name__ == "__main__":
    main()
