"""A worker, the arbiter and the disk under the log fail in the middle of a link, and it is stopped there."""

import http.client
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from portal.commands.cli import main
from portal.settings.settings import Settings
from tests.faults.agreement import PENDING, Agreement, words
from tests.harness import servers
from tests.harness.environment import live_environ
from tests.harness.servers import Port, Processes
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.timing import wait_until
from tests.stories.ledger_rows import rows_of
from tests.stories.viewer_clients import Response, ViewerClient, ViewerClients
from tests.stories.workers import children_of, is_running, worker_of_connection, workers_of

SECONDS = 10.0
NO_ANSWER = "no answer"
# Python's own status for standard output that can't be written at the end.
LAST_LINES_LOST = 120


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A portal that gives an attempt up soon, after the second that a slow PIN takes."""
    return live_environ(environ) | {"PORTAL_ZYPE_READ_TIMEOUT": "1.5"}


@pytest.fixture
def join_seconds(settings: Settings) -> float:
    """How long an attempt counts as in flight."""
    return settings.zype_deadline + 1


@pytest.fixture
def audit(environ: dict[str, str]) -> Callable[..., str]:
    """Return a runner of ``zype-activate audit``, which returns what it prints."""

    def audit(*command: str, exit_code: int = 0) -> str:
        result = CliRunner(env=environ, catch_exceptions=False).invoke(main, ["audit", *command])
        assert result.exit_code == exit_code, result.output
        return result.output

    return audit


class Portal:
    """A portal that runs, a viewer of it, and what Zype did.

    Args:
        processes: that serve it.
        port: where.
        sandbox: what it asks.
        settings: its own.
    """

    def __init__(self, processes: Processes, port: Port, sandbox: SimulatedZype, settings: Settings) -> None:
        self.process = processes.process
        self.port = port
        self.clients = ViewerClients(port.url)
        self.viewer = self.clients.viewer(1)
        self._sandbox = sandbox
        self._settings = settings
        self._pool = ThreadPoolExecutor(1)

    def worker(self) -> int:
        """Return the process that has the viewer's connection."""
        return worker_of_connection(workers_of(self.process.pid), self.port.number, self.viewer.local_port)

    def link(self, pin: str) -> Future[Response]:
        """Send a PIN, and return when Zype has it and takes its time."""
        before = len(self._sandbox.record())
        under_way = self._pool.submit(self.viewer.enter_pin, pin)
        wait_until(lambda: len(self._sandbox.record()) > before, "the call has arrived")
        return under_way

    def seen(self, under_way: Future[Response]) -> str:
        """Return what the viewer sees, in the words of the table."""
        try:
            shown = under_way.result(SECONDS)
        except (http.client.HTTPException, ConnectionError):
            return NO_ANSWER
        assert shown.location == "/activate/done", shown
        return words(200, "Your TV is linked")

    def newest(self) -> str:
        """Return the outcome of the newest attempt, in the words of the table."""
        return str(rows_of(self._settings)[-1]["outcome"] or PENDING)

    def zype(self) -> str:
        """Return what Zype did with the last call."""
        return "linked" if self._sandbox.record()[-1]["done"] else "nothing"

    def calls(self) -> int:
        """Return how many calls Zype has got."""
        return len(self._sandbox.record())

    def again(self, pin: str, viewer: ViewerClient) -> str:
        """Send the same PIN, and return what the ledger then says."""
        viewer.enter_pin(pin)
        return self.newest()

    def close(self) -> None:
        """Close every browser."""
        self.clients.close()
        self._pool.shutdown()


@pytest.fixture
def serve(environ: dict[str, str], sandbox: SimulatedZype, settings: Settings, tmp_path: Path) -> Callable[[Port], Any]:
    """Return what serves a portal while a block runs."""

    @contextmanager
    def serve(port: Port) -> Iterator[Portal]:
        with servers.processes(environ, port, tmp_path) as processes:
            portal = Portal(processes, port, sandbox, settings)
            yield portal
            portal.close()

    return serve


def test_page_ledger_and_zype_agree(
    serve: Callable[[Port], Any], port: Port, tmp_path: Path, join_seconds: float, audit: Callable[..., str]
) -> None:
    """One test, since starting the processes takes most of the time."""
    # Every line of the log fails with "no space left on device".
    (tmp_path / "serve.log").symlink_to("/dev/full")
    with serve(port) as portal:
        shown = portal.seen(portal.link("good1"))
        row = (shown, portal.newest(), portal.zype(), portal.again("good1", portal.viewer))
        Agreement("The disk under the log is full", *row).check()
        a_worker_is_killed(portal, join_seconds, audit)
        it_is_stopped(portal)


def a_worker_is_killed(portal: Portal, join_seconds: float, audit: Callable[..., str]) -> None:
    """The attempt stays without an outcome; the operator finds it, or the viewer sends the PIN again."""
    worker = portal.worker()
    under_way = portal.link("slow1")
    os.kill(worker, signal.SIGKILL)
    row = (portal.seen(under_way), portal.newest(), portal.zype())
    assert audit("pending") == "", "younger attempts may be under way"
    listed = audit("pending", "--older-than", "0")
    attempt_id = re.findall(r"\b[0-9a-f]{32}\b", listed)
    assert len(attempt_id) == 1, listed
    assert portal.viewer.consumer_id in listed
    # Until then it may be under way in another worker.
    time.sleep(join_seconds)
    # Another worker has replaced it, and the session is still good.
    Agreement(
        "A worker is killed during the call", *row, portal.again("slow1", portal.clients.tab_of(portal.viewer))
    ).check()
    audit("resolve", attempt_id[0], "linked")
    assert audit("pending", "--older-than", "0") == ""
    assert "Nothing was written" in audit("resolve", attempt_id[0], "not_found", exit_code=1)


def it_is_stopped(portal: Portal) -> None:
    """The link is finished first; what it says afterwards is refused."""
    portal.viewer = portal.clients.tab_of(portal.viewer)
    before = portal.calls()
    under_way = portal.link("slow2")
    portal.process.terminate()
    row = (portal.seen(under_way), portal.newest(), portal.zype())
    assert portal.process.wait(SECONDS) == LAST_LINES_LOST
    assert portal.calls() == before + 1
    Agreement("The portal is stopped (SIGTERM) during the call", *row, "linked").check()


def test_page_ledger_and_zype_agree_when_the_arbiter_is_killed(
    serve: Callable[[Port], Any], port: Port, join_seconds: float
) -> None:
    with serve(port) as portal:
        workers = children_of(portal.process.pid)
        under_way = portal.link("slow1")
        os.kill(portal.process.pid, signal.SIGKILL)
        row = (portal.seen(under_way), portal.newest(), portal.zype())
        wait_until(lambda: not any(is_running(worker) for worker in workers), "the workers have ended too")
        viewer = portal.viewer
    again = Port(port.number)
    with serve(again) as portal:
        time.sleep(join_seconds if row[1] == PENDING else 0)
        # The session is on the server, so it is still good.
        tab = viewer.another_tab()
        Agreement("The arbiter is killed during the call", *row, portal.again("slow1", tab)).check()
        tab.close()
