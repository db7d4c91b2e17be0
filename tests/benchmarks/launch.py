"""``make bench-launch``: what viewers see on the night of a launch, minute by minute.

Viewers arrive at an ordinary rate, and then, within a minute, at fifty times that; after its peak the rate halves again
and again. Each signs in and links a TV, some with a mistyped PIN first, some with a second click. Zype takes 300 ms for
each call, hangs for two minutes, and is back. The portal has its default settings, one core, and SQLite.
"""

import asyncio
import http.client
import json
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import click

from tests.benchmarks import servers
from tests.benchmarks.cases import numbered_pins
from tests.benchmarks.launch_plot import draw
from tests.benchmarks.launch_report import night_table, summary
from tests.benchmarks.launch_viewer import LaunchViewer, Night
from tests.benchmarks.machine import heading
from tests.benchmarks.night import END, HANG_SECONDS, HANGS_FROM, HANGS_TO, ZYPE_SECONDS, arrivals
from tests.benchmarks.reconciliation import Call, disagreements
from tests.benchmarks.report import write
from tests.benchmarks.servers import Server
from tests.benchmarks.visitor import Visitor
from tests.harness.fork_server import ROOT

PLOT = ROOT / "docs/img/launch.svg"
# Longer than the portal takes for any answer; viewers who still wait at the end are given as much.
TIMEOUT = 20.0
MINUTE, QUICK_MINUTE = 60.0, 9.0
SEED = 12


def ask(zype: Server, method: str, path: str, body: str = "") -> Any:
    """Set the stand-in for Zype up, or ask it."""
    connection = http.client.HTTPConnection("127.0.0.1", zype.port, timeout=10)
    connection.request(method, f"/stand-in/{path}", body)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


async def spend(night: Night, portal: Server, zype: Server) -> None:
    """Let the night pass: viewers arrive, and Zype hangs and is back."""
    random, pins = Random(SEED), numbered_pins(0)
    night.began = time.perf_counter()
    night.arrivals = list(arrivals(random, night.seconds_a_minute))
    delays = [(0.0, ZYPE_SECONDS), (HANGS_FROM, HANG_SECONDS), (HANGS_TO, ZYPE_SECONDS)]
    changes = [asyncio.create_task(change(night, zype, *each)) for each in delays]
    viewers = []
    for number, minute in enumerate(night.arrivals):
        await until(night, minute)
        viewer = LaunchViewer(Visitor(number, portal.port, TIMEOUT), night, pins, Random(number))
        viewers.append(asyncio.create_task(viewer.evening()))
    await until(night, END)
    await asyncio.gather(*changes)
    await asyncio.wait(viewers, timeout=TIMEOUT)
    for task in viewers:
        task.cancel()
    await asyncio.gather(*viewers, return_exceptions=True)


async def until(night: Night, minute: float) -> None:
    """Wait for a minute of the night."""
    await asyncio.sleep(max(0.0, (minute - night.minute()) * night.seconds_a_minute))


async def change(night: Night, zype: Server, minute: float, delay: float) -> None:
    """Let Zype take another time for its answers from a minute on."""
    await until(night, minute)
    await asyncio.to_thread(ask, zype, "POST", "delay", str(delay))


def measure(seconds_a_minute: float) -> tuple[Night, list[str]]:
    """Return what was seen, and what pages and Zype told differently."""
    os.sched_setaffinity(0, {servers.LOAD_CORE})
    night = Night(seconds_a_minute)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        zype = stack.enter_context(servers.stand_in(folder))
        url = f"sqlite:///{folder}/portal.db"
        portal = stack.enter_context(servers.portal("portal", url, zype, folder, limits={}))
        asyncio.run(spend(night, portal, zype))
        calls = [Call(*call) for call in ask(zype, "GET", "calls")]
    return night, disagreements(night.sent, calls)


@click.command()
@click.option("--quick", is_flag=True, help="Minutes of nine seconds; the documentation stays as it is.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the plot into this file.")
def main(quick: bool, plot: Path | None) -> None:
    """Spend the night of a launch, and draw what viewers saw for the documentation."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    night, faults = measure(QUICK_MINUTE if quick else MINUTE)
    click.echo("\n".join([night_table(night), "", summary(night)]))
    if faults:
        click.echo("\n".join(["void:", *faults[:20]]), err=True)
        sys.exit(1)
    if plot or not quick:
        draw(night, plot or PLOT)
    if not quick:
        picture = f"![What viewers saw, minute by minute](img/{PLOT.name})"
        text = "\n\n".join([heading(), picture, night_table(night), summary(night)])
        write({("docs/performance.md", "launch"): text}, "bench-launch")


if __name__ == "__main__":
    main()
