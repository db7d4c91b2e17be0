"""Debian's Chromium through Playwright, and a watch that sees what no window of ours may do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request, WebError, sync_playwright

from portal.settings.addresses import is_loopback
from tests.harness.programs import need

# Chromium would look up and call its maker's hosts, which is none of a test's business.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# This list replaces Playwright's own, so the first three lines repeat what matters of that. The last line saves work: a
# frame is used again for the next document, and no process is started in advance.
WITHOUT = (
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable"),
    *("HttpsUpgrades", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding"),
    *("ThirdPartyStoragePartitioning", "Translate"),
    *("RenderDocument", "SpareRendererForSitePerProcess"),
)
# No page lives long enough to repay the cost of optimizing its scripts, or needs a process of its own for graphics.
# Starting a process for a window takes longer than showing a page in it.
CHEAP = (
    *("--js-flags=--no-opt --no-maglev --single-threaded-gc", "--in-process-gpu"),
    *("--renderer-process-limit=1", f"--disable-features={','.join(WITHOUT)}"),
)


class Watch:
    """Sees what a window does, and keeps what no window of ours may do.

    Args:
        context: whose pages are watched.
    """

    def __init__(self, context: BrowserContext) -> None:
        self._faults: list[str] = []
        self._console: list[ConsoleMessage] = []
        self._documents: set[str] = set()
        context.on("request", self._see_request)
        context.on("console", self._see_console)
        context.on("weberror", self._see_error)

    def _see_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and not is_loopback(parts.hostname or ""):
            self._faults.append(f"a request to {parts.hostname}")
        if request.is_navigation_request():
            self._documents.add(request.url)

    def _see_console(self, message: ConsoleMessage) -> None:
        self._console.append(message)

    def _see_error(self, error: WebError) -> None:
        self._faults.append(f"error in a script: {error.error}")

    def take_faults(self) -> list[str]:
        """Return everything that went wrong since the last call."""
        faults = self._faults + [message.text for message in self._console if self._is_fault(message)]
        for seen in (self._faults, self._console, self._documents):
            seen.clear()
        return faults

    def _is_fault(self, message: ConsoleMessage) -> bool:
        if message.type != "error" and "Content Security Policy" not in message.text:
            return False
        # Chromium writes a line for a page that comes with 422 or 503. Which status comes is the test's business.
        is_status_line = message.text.startswith("Failed to load resource: the server responded with a status")
        return not (is_status_line and message.location["url"] in self._documents)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium without a screen while the block runs; there can be one at a time in a process."""
    # As root Chromium's sandbox can't start; anybody else keeps it.
    flags = [*QUIET, *CHEAP, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    # The same engine without the browser's own windows, which take three quarters of the time of a short test.
    program = need("chromium-headless-shell", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()
