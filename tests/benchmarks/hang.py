"""Pages of the portal while Zype takes calls and answers none, and 200 viewers go on sending PINs."""

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from tests.benchmarks import servers
from tests.benchmarks.figures import Figures, percentile
from tests.benchmarks.load import Plan
from tests.benchmarks.rounds import finish_load, go, ready_load

READERS, READS_A_SECOND = 40, 40.0
POSTERS, PAUSE_SECONDS = 200, 3.0
# Longer than the portal waits for any call.
HANG_SECONDS = 30.0
# For the posts to fill every place for calls to Zype.
BEFORE_SECONDS = 3.0


def measure_hang(figures: Figures, seconds: float) -> None:
    """Watch the page for the PIN for some seconds while Zype answers at once, and then for as long while it hangs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        zype = stack.enter_context(servers.stand_in(folder))
        portal = stack.enter_context(servers.portal("portal", f"sqlite:///{folder}/portal.db", zype, folder))
        watched = {"server": portal.pid, "zype": zype.pid}
        reads = Plan(portal.port, 0, "entry", visitors=READERS, rate=READS_A_SECOND, seconds=seconds)
        posts = Plan(portal.port, zype.port, "link", first=READERS, visitors=POSTERS, warm_up=0.0)
        posts = replace(posts, seconds=BEFORE_SECONDS + seconds, delay=HANG_SECONDS, pause=PAUSE_SECONDS, any_page=True)
        # Nobody can sign in while it hangs.
        waiting = [ready_load(replace(plan, watched=watched)) for plan in (posts, reads, reads)]
        posters, idle_readers, readers = waiting
        go(idle_readers)
        idle = finish_load(idle_readers)
        go(posters)
        time.sleep(BEFORE_SECONDS)
        go(readers)
        take(figures, idle, finish_load(readers), finish_load(posters))


def take(figures: Figures, idle: dict[str, Any], during: dict[str, Any], posted: dict[str, Any]) -> None:
    """Take what was measured; the benchmark is void if a page and Zype tell different things."""
    figures.faults += posted["faults"]
    figures.posts += posted["posts"]
    others, slow = figures.others, [99, 50]
    times = {name: result["times"]["entry"] for name, result in (("idle", idle), ("hang", during))}
    for name, found in times.items():
        for share in slow:
            others[f"{name}_p{share}"].append(percentile(found, share / 100) * 1000)
    others["hang_ratio"].append(others["hang_p99"][-1] / others["idle_p99"][-1])
    others["hang_failures"].append(len(during["faults"]) + sum(map(len, during["times"].values())) - len(times["hang"]))
    pages = posted["times"]
    if busy := pages.get("unavailable"):
        others["busy_ms"].append(percentile(busy, 0.5) * 1000)
        others["busy_p99"].append(percentile(busy, 0.99) * 1000)
    others["longest_post"].append(max(max(found) for found in pages.values()))
    click.echo(
        f"while Zype hangs: page p99 {others['idle_p99'][-1]:.1f} ms idle, {others['hang_p99'][-1]:.1f} ms then; "
        f"POSTs { ({page: len(found) for page, found in pages.items()}) }, longest {others['longest_post'][-1]:.1f} s"
    )
