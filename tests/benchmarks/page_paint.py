"""``make bench-page``: how soon the entry page is seen on a slow phone, side by side with a bare page.

The pages are loaded in alternation by a Chromium whose processor and network are slowed down through its own protocol
as Lighthouse does for its "slow 4G": 150 ms a round trip, 1.6 Mbit/s down, 0.75 Mbit/s up, and a quarter of the
processor. The exit status is 1 if a target is missed.
"""

import os
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
from flask import Flask, Response
from playwright.sync_api import Browser, StorageState, sync_playwright

from portal.sandbox import seed
from tests.benchmarks.targets import BYTES, PAINT_MILLISECONDS, REQUESTS
from tests.harness import servers
from tests.harness.chromium import QUIET
from tests.harness.commands import start_python
from tests.harness.programs import need
from tests.harness.servers import Port, sandbox_addresses

ROUNDS = 15
SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 // 8,
    "uploadThroughput": 750_000 // 8,
}
PROCESSOR_SHARE = 4
ENTRY = "entry page"
BARE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>Link your TV</title></head><body>
<h1>Link your TV</h1><form method="post"><input type="hidden" name="csrf_token" value="0123456789abcdef">
<label for="pin">PIN from your TV</label><input id="pin" name="pin"><button>Link my TV</button></form></body></html>"""
# What was painted before the script began is told as well.
OBSERVED = """type => new Promise(resolve => {
  const entries = [];
  const observer = new PerformanceObserver(list => entries.push(...list.getEntries().map(entry => entry.toJSON())));
  observer.observe({type, buffered: true});
  setTimeout(() => resolve(entries), 200);
})"""


class Load(NamedTuple):
    """One load of a page.

    Args:
        paint: milliseconds from the request to the first contentful paint.
        shift: the sum of the layout shifts, as a share of the window.
        requests: how many.
        size: bytes received, heads included.
    """

    paint: float
    shift: float
    requests: int
    size: int


def load(browser: Browser, url: str, state: StorageState | None, before: str | None = None) -> Load:
    """Load a page once as a slow phone does: with an empty cache, or with what another page of the portal has left."""
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, is_mobile=True, has_touch=True, locale="en", storage_state=state
    )
    page = context.new_page()
    if before:
        page.goto(before, wait_until="load")
    protocol = context.new_cdp_session(page)
    sizes: list[int] = []
    protocol.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    protocol.send("Network.enable")
    protocol.send("Network.emulateNetworkConditions", SLOW_4G)
    protocol.send("Emulation.setCPUThrottlingRate", {"rate": PROCESSOR_SHARE})
    page.goto(url, wait_until="load")
    paints: list[dict[str, Any]] = page.evaluate(OBSERVED, "paint")
    shifts: list[dict[str, Any]] = page.evaluate(OBSERVED, "layout-shift")
    context.close()
    [paint] = [entry["startTime"] for entry in paints if entry["name"] == "first-contentful-paint"]
    return Load(paint, sum(entry["value"] for entry in shifts), len(sizes), int(sum(sizes)))


@contextmanager
def bare_pages() -> Iterator[str]:
    """Serve the least that could ask for a PIN while the block runs; yields its address.

    Below it, ``styled`` has a stylesheet of one line: no page with a stylesheet of its own file is seen sooner.
    """
    app = Flask("bare")
    app.add_url_rule("/", "bare", lambda: BARE)
    app.add_url_rule("/styled", "styled", lambda: BARE.replace("</head>", "<link rel=stylesheet href=/s.css></head>"))
    app.add_url_rule("/s.css", "css", lambda: Response("h1 { margin: 0 }", mimetype="text/css"))
    with servers.serving(app, Port()) as url:
        yield f"{url}/"


@contextmanager
def portal(folder: Path) -> Iterator[str]:
    """Serve the portal with a sandbox while the block runs; yields its origin."""
    port = Port()
    environ = {"PORTAL_BIND": port.bind, **sandbox_addresses()}
    with servers.processes(environ, port, folder, start=start_python) as running:
        yield running.url


def signed_in(browser: Browser, url: str) -> StorageState:
    """Sign Alice in, and return her cookies."""
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.goto(f"{url}/activate")
    page.fill("[name=email]", seed.ALICE.email)
    page.fill("[name=password]", seed.ALICE.password)
    page.press("[name=password]", "Enter")
    page.wait_for_selector("[name=pin]")
    state = context.storage_state()
    context.close()
    return state


def told(name: str, loads: list[Load]) -> str:
    """Return a line of the report: the median of the paints and their range, and the worst of the rest."""
    paints = [one.paint for one in loads]
    return (
        f"{name:<27} {statistics.median(paints):4.0f} ms [{min(paints):.0f}-{max(paints):.0f}]  "
        f"shift {max(one.shift for one in loads):.3f}  {max(one.requests for one in loads)} requests  "
        f"{max(one.size for one in loads):,} bytes"
    )


def missed(loads: list[Load]) -> list[str]:
    """Return the targets that the entry page misses, in words."""
    targets = {
        f"first contentful paint within {PAINT_MILLISECONDS} ms": statistics.median(one.paint for one in loads)
        <= PAINT_MILLISECONDS,
        "no layout shift": max(one.shift for one in loads) == 0,
        f"at most {REQUESTS} requests": max(one.requests for one in loads) <= REQUESTS,
        f"at most {BYTES:,} bytes": max(one.size for one in loads) <= BYTES,
    }
    return [target for target, is_met in targets.items() if not is_met]


def measure(count: int = ROUNDS) -> list[dict[str, Load]]:
    """Load the pages in alternation, so many times each; return the loads of each round by the name of the page."""
    with ExitStack() as stack:
        url = stack.enter_context(portal(Path(stack.enter_context(TemporaryDirectory()))))
        bare = stack.enter_context(bare_pages())
        playwright = stack.enter_context(sync_playwright())
        flags = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        program = need("chromium-headless-shell", "chromium")
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        stack.callback(browser.close)
        state, entry = signed_in(browser, url), f"{url}/activate"
        measured: dict[str, Callable[[], Load]] = {
            "bare page": lambda: load(browser, bare, None),
            "bare page with a stylesheet": lambda: load(browser, f"{bare}styled", None),
            ENTRY: lambda: load(browser, entry, state),
            "entry page after sign-in": lambda: load(browser, entry, state, before=f"{url}/devices"),
        }
        return [{name: load_page() for name, load_page in measured.items()} for _ in range(count)]


def main() -> int:
    """Load the pages, print what was seen, and return the exit status."""
    rounds = measure()
    for name in rounds[0]:
        click.echo(told(name, [loads[name] for loads in rounds]))
    faults = missed([loads[ENTRY] for loads in rounds])
    click.echo("\n".join(f"missed: {target}" for target in faults) or "every target is met")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
