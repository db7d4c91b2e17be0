"""One run of load, in a process of its own: ``python -m tests.benchmarks.load``.

It reads a plan, prints a line when everybody has signed in, waits for a line, and prints a result at its end. Visitors
warm up, and then do what the case says over and over for some seconds. What is counted was answered
within these seconds. Then the pages that they saw are compared with the calls that arrived at the stand-in for Zype.
"""

import asyncio
import http.client
import json
import os
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import click

from tests.benchmarks.cases import CASES, Steps, numbered_pins
from tests.benchmarks.http_connection import ConnectionEnded
from tests.benchmarks.processes import cpu_seconds, machine_cpu_seconds, tree
from tests.benchmarks.reconciliation import TURNED_AWAY, Call, disagreements
from tests.benchmarks.visitor import Visitor

# As many as one worker of the portal has places for.
SIGN_INS_AT_ONCE = 4
SETTLE_SECONDS = 0.1


@dataclass(frozen=True)
class Plan:
    """A run.

    Args:
        port: of the server under test.
        stand_in_port: of the stand-in for Zype, which this run sets up and asks at its end; 0 leaves it alone.
        case: one of ``CASES``.
        first: the number of the first visitor.
        first_pin: the number of the first PIN: a PIN is sent in one run alone.
        visitors: how many, each with a browser of their own.
        seconds: how long it is measured, after ``warm_up``.
        delay: seconds that Zype takes for an answer, once everybody is signed in.
        rate: actions a second, spread evenly, and timed from the moment at which each was due; 0 for one after another.
        pause: seconds that a visitor waits after each action.
        timeout: seconds that an answer may take.
        watched: process ids of the servers whose CPU time is told, by name.
        cookies: of agents who are signed in already, by the name of the cookie.
        any_page: every page is right, as while Zype hangs; they are compared with Zype all the same.
    """

    port: int
    stand_in_port: int
    case: str
    is_floor: bool = False
    first: int = 0
    first_pin: int = 0
    visitors: int = 16
    warm_up: float = 1.0
    seconds: float = 3.0
    delay: float = 0.0
    rate: float = 0.0
    pause: float = 0.0
    timeout: float = 25.0
    watched: dict[str, int] = field(default_factory=dict)
    cookies: list[dict[str, str]] = field(default_factory=list)
    any_page: bool = False


@dataclass
class Result:
    """What was seen: the seconds that each answer took, by page, what was wrong, and CPU seconds, by server."""

    seconds: float = 0.0
    times: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    posts: int = 0
    cpu: dict[str, float] = field(default_factory=dict)

    def add(self, page: str, seconds: float) -> None:
        """Count an answer."""
        self.times.setdefault(page, []).append(seconds)


class Run:
    """A plan while it runs."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.result = Result()
        self.steps = Steps(is_floor=plan.is_floor, pins=numbered_pins(plan.first_pin))
        self.wrong: Counter[str] = Counter()
        prepare, step, self.due = CASES[plan.case]
        self.prepare = getattr(self.steps, prepare) if prepare else None
        self.step = getattr(self.steps, step)
        self.start = self.end = 0.0

    async def whole(self) -> Result:
        """Do all of it."""
        self.ask_stand_in("POST", "forget")
        self.ask_stand_in("POST", "delay", "0")
        visitors = [Visitor(self.plan.first + i, self.plan.port, self.plan.timeout) for i in range(self.plan.visitors)]
        await self.prepare_all(visitors)
        click.echo("ready")
        await asyncio.to_thread(sys.stdin.readline)
        self.ask_stand_in("POST", "delay", str(self.plan.delay))
        began = time.perf_counter()
        self.start, self.end = began + self.plan.warm_up, began + self.plan.warm_up + self.plan.seconds
        measured = asyncio.create_task(self.measure_cpu())
        await asyncio.gather(*(self.act(visitor, i) for i, visitor in enumerate(visitors)))
        await measured
        self.ask_stand_in("POST", "delay", "0")
        await asyncio.sleep(SETTLE_SECONDS)
        self.compare()
        return self.result

    async def prepare_all(self, visitors: list[Visitor]) -> None:
        """Sign everybody in, and let them do what comes before the case."""
        places = asyncio.Semaphore(SIGN_INS_AT_ONCE)

        async def one(visitor: Visitor, cookies: dict[str, str]) -> None:
            async with places:
                if cookies:
                    visitor.cookies |= cookies
                else:
                    self.expect(await self.steps.sign_in(visitor), {"to /activate", "status 302"})
                if self.prepare:
                    self.expect(await self.prepare(visitor), {"entry", "as_due", "agent_form"})

        cookies = self.plan.cookies or [{}] * len(visitors)
        await asyncio.gather(*(one(*each) for each in zip(visitors, cookies, strict=True)))

    async def act(self, visitor: Visitor, index: int) -> None:
        """Let one visitor act until the end."""
        between = self.plan.visitors / self.plan.rate if self.plan.rate else self.plan.pause
        # They do not begin all at once.
        due = time.perf_counter() + between * index / self.plan.visitors
        while True:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            began = due if self.plan.rate else time.perf_counter()
            if began >= self.end:
                return
            await self.act_once(visitor, began)
            due = between + (due if self.plan.rate else time.perf_counter())

    async def act_once(self, visitor: Visitor, began: float) -> None:
        """Do the step of the case once, and count it if it began and ended in time; an open loop counts to its end."""
        try:
            page = await self.step(visitor)
        except (ConnectionEnded, TimeoutError, OSError) as error:
            page = f"no answer ({type(error).__name__})"
        ended = time.perf_counter()
        is_open_loop = bool(self.plan.rate or self.plan.pause)
        if self.start <= (began if is_open_loop else ended) < self.end:
            self.result.add(page, ended - began)
        if not self.plan.any_page:
            self.expect(page, {self.due, TURNED_AWAY})

    def expect(self, page: str, due: set[str]) -> None:
        """Note a page that should not have come."""
        if page not in due:
            self.wrong[page] += 1

    async def measure_cpu(self) -> None:
        """Take the CPU time that the servers, this process and others use while it is measured."""
        await asyncio.sleep(max(0.0, self.start - time.perf_counter()))
        before, machine = self.used(), machine_cpu_seconds()
        began = time.perf_counter()
        await asyncio.sleep(max(0.0, self.end - time.perf_counter()))
        cpu = {name: after - before[name] for name, after in self.used().items()}
        cpu["others"] = max(0.0, machine_cpu_seconds() - machine - sum(cpu.values()))
        self.result.seconds, self.result.cpu = time.perf_counter() - began, cpu

    def used(self) -> dict[str, float]:
        """Return the CPU seconds so far of everything that this run knows."""
        return {"load": time.process_time()} | {
            name: cpu_seconds(each for each in tree(pid) if each != os.getpid())
            for name, pid in self.plan.watched.items()
        }

    def compare(self) -> None:
        """Note what was wrong: pages that should not have come, and what pages and Zype tell differently."""
        self.result.posts = len(self.steps.sent)
        if not self.result.times.keys() - {TURNED_AWAY}:
            self.result.faults.append("nobody was answered in the seconds that were measured")
        self.result.faults += [f"{count} times the page {page}" for page, count in self.wrong.items()]
        if self.plan.stand_in_port:
            calls = [Call(*call) for call in self.ask_stand_in("GET", "calls")]
            self.result.faults += disagreements(self.steps.sent, calls)

    def ask_stand_in(self, method: str, path: str, body: str = "") -> Any:
        """Set the stand-in for Zype up, or ask it."""
        if not self.plan.stand_in_port:
            return None
        connection = http.client.HTTPConnection("127.0.0.1", self.plan.stand_in_port, timeout=10)
        connection.request(method, f"/stand-in/{path}", body)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer


def main() -> None:
    """Run the plan that is on standard input."""
    result = asyncio.run(Run(Plan(**json.loads(sys.stdin.readline()))).whole())
    click.echo(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
