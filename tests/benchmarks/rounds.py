"""Runs the settings in alternation: each on one server after the other, some rounds long, in another order each."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from tests.benchmarks import servers
from tests.benchmarks.agents import signed_in_agents
from tests.benchmarks.figures import BARE, DURABLE, PORTAL, POSTGRESQL, SQLITE, Figures, Measured, Setting, measured
from tests.benchmarks.load import Plan
from tests.benchmarks.servers import Server
from tests.harness.fork_server import ROOT
from tests.harness.postgres import Cluster

# Cores of CPU time of other processes, above which a run is repeated.
DISTURBANCE = 0.15
RUN_SECONDS = 120
WARM_UP_SECONDS = 1.0
PINS_A_RUN = 1_000_000

BOTH, ALL = (BARE, PORTAL), (BARE, DURABLE, PORTAL)
DURABLE_ONES, PORTAL_ALONE = (DURABLE, PORTAL), (PORTAL,)
QUICK: dict[Setting, tuple[str, ...]] = {
    Setting("entry"): BOTH,
    Setting("link"): ALL,
    Setting("not_found"): DURABLE_ONES,
    # A worker has four places for such calls, and turns away what is more.
    Setting("sign_in", visitors=4): PORTAL_ALONE,
    Setting("tvs", visitors=4): PORTAL_ALONE,
    Setting("agent_link", visitors=4): PORTAL_ALONE,
    Setting("link", visitors=1): ALL,
    Setting("link", delay=0.05): DURABLE_ONES,
    Setting("link", database=POSTGRESQL): DURABLE_ONES,
}
WHOLE = QUICK | {
    Setting("not_found"): ALL,
    Setting("entry", visitors=1): BOTH,
    Setting("entry", visitors=64): BOTH,
    Setting("link", visitors=64): ALL,
    Setting("entry", visitors=256): BOTH,
    Setting("link", visitors=256): ALL,
    Setting("link", delay=0.05): ALL,
    Setting("link", visitors=64, delay=0.3): ALL,
    Setting("entry", database=POSTGRESQL): PORTAL_ALONE,
    Setting("link", visitors=1, database=POSTGRESQL): DURABLE_ONES,
    Setting("link", visitors=64, delay=0.3, database=POSTGRESQL): DURABLE_ONES,
}


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Args:
        settings: under which load, and of which servers.
        rounds: how often, each with new servers.
        seconds: of each run, after ``warm_up``.
        hang_seconds: for which pages are watched while Zype hangs, and before that for as long.
        paints: loads of the page on a slow phone.
        repeats: how often a run is repeated at most that others have disturbed.
    """

    settings: dict[Setting, tuple[str, ...]]
    rounds: int
    seconds: float
    warm_up: float
    hang_seconds: float
    paints: int
    repeats: int


QUICKLY = Extent(QUICK, rounds=1, seconds=1.0, warm_up=0.3, hang_seconds=6.0, paints=2, repeats=0)
WHOLLY = Extent(WHOLE, rounds=5, seconds=2.0, warm_up=0.5, hang_seconds=25.0, paints=15, repeats=2)

_run_numbers = count()


def run_load(plan: Plan) -> dict[str, Any]:
    """Run a plan in a process of its own, and return what it printed."""
    process = ready_load(plan)
    go(process)
    return finish_load(process)


def ready_load(plan: Plan) -> subprocess.Popen[str]:
    """Start a plan in a process of its own, and return when its visitors have signed in and wait."""
    plan = replace(plan, first_pin=next(_run_numbers) * PINS_A_RUN)
    command = [sys.executable, "-m", "tests.benchmarks.load"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    say(process, json.dumps(asdict(plan)))
    assert process.stdout
    process.stdout.readline()
    return process


def say(process: subprocess.Popen[str], line: str) -> None:
    """Write a line to a process."""
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def go(process: subprocess.Popen[str]) -> None:
    """Let visitors that wait begin."""
    say(process, "go")


def finish_load(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a process that was started printed at its end."""
    try:
        output, _ = process.communicate(timeout=RUN_SECONDS)
    finally:
        process.kill()
    if process.returncode:
        raise SystemExit("a run of load ended with an error")
    result: dict[str, Any] = json.loads(output)
    return result


class Round:
    """New servers, and every setting once on each of them.

    Args:
        extent: what is measured.
        cluster: a PostgreSQL; none where it is not installed.
        figures: takes what was measured.
    """

    def __init__(self, extent: Extent, cluster: Cluster | None, figures: Figures) -> None:
        self.extent = extent
        self.figures = figures
        self.databases = (SQLITE, POSTGRESQL) if cluster else (SQLITE,)
        self._cluster = cluster
        self._agents: dict[str, list[dict[str, str]]] = {}

    @contextmanager
    def servers(self) -> Iterator[tuple[Server, dict[tuple[str, str], Server]]]:
        """Run the stand-in and all servers at once while the block runs: those that nobody asks use next to nothing."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            zype = stack.enter_context(servers.stand_in(folder))
            found = {(BARE, SQLITE): stack.enter_context(servers.floor("bare-floor", "", zype, folder))}
            durable, url = str(folder / "floor.db"), f"sqlite:///{folder}/portal.db"
            for database in self.databases:
                if database == POSTGRESQL and self._cluster:
                    stack.enter_context(new_databases(self._cluster))
                    durable, url = self._cluster.conninfo("floor"), self._cluster.url("portal")
                name = database.lower()
                floor, portal = servers.floor(f"floor-{name}", durable, zype, folder), servers.portal
                found[DURABLE, database] = stack.enter_context(floor)
                found[PORTAL, database] = stack.enter_context(portal(f"portal-{name}", url, zype, folder))
            yield zype, found

    def run(self, number: int) -> None:
        """Measure every setting; in every second round the portal is first."""
        with self.servers() as (zype, found):
            portal = found[PORTAL, SQLITE]
            self.figures.others["start_seconds"].append(portal.start_seconds)
            self.figures.others["first_page_ms"].append(1000 * first_page_seconds(portal))
            self.warm_up(zype, found)
            self.figures.others["idle_megabytes"] += portal.worker_megabytes()
            for setting, kinds in self.extent.settings.items():
                for kind in kinds if number % 2 == 0 else reversed(kinds):
                    server = found.get((kind, SQLITE if kind == BARE else setting.database))
                    if server:
                        self.measure(setting, kind, server, zype)
            self.figures.others["loaded_megabytes"] += portal.worker_megabytes()

    def warm_up(self, zype: Server, found: dict[tuple[str, str], Server]) -> None:
        """Let every server do a little of everything first: what it does once, such as compiling, is no rate."""
        for (kind, database), server in found.items():
            for case in ("entry", "link"):
                setting = Setting(case, database=database)
                run_load(replace(self.plan(setting, kind, server, zype), seconds=WARM_UP_SECONDS))

    def measure(self, setting: Setting, kind: str, server: Server, zype: Server) -> None:
        """Run one setting on one server, again if others disturbed it, and take its figures unless it is void."""
        for _ in range(1 + self.extent.repeats):
            result = run_load(self.plan(setting, kind, server, zype))
            self.figures.posts += result["posts"]
            self.figures.faults += result["faults"]
            if result["faults"]:
                click.echo(f"VOID {setting} {kind}: {result['faults'][:3]}", err=True)
                return
            found = measured(result)
            if found.others <= DISTURBANCE:
                break
        else:
            self.figures.disturbed += 1
        self.figures.runs[setting, kind].append(found)
        click.echo(line(setting, kind, found))

    def plan(self, setting: Setting, kind: str, server: Server, zype: Server) -> Plan:
        """Return what the load has to do."""
        watched = {"server": server.pid, "zype": zype.pid}
        if setting.database == POSTGRESQL and self._cluster:
            watched["database"] = self._cluster.pid
        return Plan(
            port=server.port,
            stand_in_port=zype.port,
            case=setting.case,
            is_floor=kind != PORTAL,
            visitors=setting.visitors,
            warm_up=self.extent.warm_up + setting.delay,
            seconds=self.extent.seconds,
            delay=setting.delay,
            watched=watched,
            cookies=self.agents(server, setting.visitors) if setting.case == "agent_link" else [],
        )

    def agents(self, server: Server, number: int) -> list[dict[str, str]]:
        """Return the cookies of agents who are signed in to a portal."""
        if server.name not in self._agents:
            self._agents[server.name] = signed_in_agents(server, number)
        return self._agents[server.name]


def first_page_seconds(server: Server) -> float:
    """Return how long a server takes for the first page after its start."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/activate")
    connection.getresponse().read()
    connection.close()
    return time.perf_counter() - began


def line(setting: Setting, kind: str, found: Measured) -> str:
    """Return what a run measured, on one line."""
    load = (
        f"{setting.case:<10} {setting.visitors:>3} users, Zype {setting.delay * 1000:>3.0f} ms, {setting.database:<10}"
    )
    times = f"{found.rate:7.1f}/s  p50 {found.p50:6.1f} ms  p99 {found.p99:6.1f} ms  CPU {found.cpu:6.0f} us"
    beside = f"turned away {found.turned_away:.3f}  load core {found.load:.2f}  others {found.others:.2f}"
    return f"{load} {kind:<7} {times}  {beside}"


@contextmanager
def new_databases(cluster: Cluster) -> Iterator[None]:
    """Create the databases of a round, and drop them after the block."""
    for name in ("floor", "portal"):
        cluster.create(name)
    try:
        yield
    finally:
        for name in ("floor", "portal"):
            cluster.drop(name)
