"""A worker, the arbiter and the disk under the log fail in the middle of a link, and it is stopped there."""

import html
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
from tests.harness.faulty_zype import holding
from tests.harness.servers import Port, Processes
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.starting import accepts
from tests.harness.timing import wait_until
from tests.stories.ledger_rows import rows_of
from tests.stories.viewer_clients import Response, ViewerClient, ViewerClients
from tests.stories.workers import children_of, is_running, worker_of_connection, workers_of

SECONDS = 10.0
NO_ANSWER = "no answer"
DONE = "/activate/done"
# Python's own status for standard output that can't be written at the end.
LAST_LINES_LOST = 120


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A portal that gives an attempt up soon."""
    return live_environ(environ) | {"PORTAL_ZYPE_READ_TIMEOUT": "1"}


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

    @contextmanager
    def linking(self, pin: str) -> Iterator[Future[Response]]:
        """Send a PIN, and let the block run while Zype has it and does not answer."""
        before = self.calls()
        with holding(self._sandbox, "/pin/link") as arrived:
            under_way = self._pool.submit(self.viewer.enter_pin, pin)
            assert arrived.wait(SECONDS)
            yield under_way
        wait_until(lambda: self.calls() > before and self._sandbox.record()[-1]["done"], "Zype has linked it")

    def is_answered(self, under_way: Future[Response]) -> bool:
        """Tell whether an answer came; it sends the viewer to the page that says so."""
        try:
            shown = under_way.result(SECONDS)
        except (http.client.HTTPException, ConnectionError):
            return False
        assert shown.location == DONE, shown
        return True

    def done(self, viewer: ViewerClient) -> str:
        """Return what the page says to which a link leads, in the words of the table."""
        shown = viewer.open(DONE)
        found = re.findall(r"<h1[^>]*>\s*(.+?)\s*</h1>", html.unescape(shown.text))
        assert len(found) == 1, shown
        return words(shown.status, found[0])

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
        """Send the same PIN, which is linked, and return what the ledger then says."""
        shown = viewer.enter_pin(pin)
        assert shown.location == DONE, shown
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
        lost, lost_id = a_worker_is_killed(portal, audit)
        lost_by = time.monotonic()
        the_log_can_not_be_written(portal)
        stopped = it_is_stopped(portal)
        viewer = portal.viewer
    (tmp_path / "serve.log").unlink()
    with serve(Port(port.number)) as portal:
        # The session is on the server, so it is still good.
        portal.viewer = portal.clients.tab_of(viewer)
        row = (portal.done(portal.viewer), *stopped, portal.again("good3", portal.viewer))
        Agreement("The portal is stopped (SIGTERM) during the call", *row).check()
        finished = the_arbiter_is_killed(portal)
    with serve(Port(port.number)) as portal:
        tab = portal.clients.tab_of(viewer)
        row = (portal.done(tab), *finished, portal.again("good4", tab))
        Agreement("The arbiter is killed during the call", *row).check()
        # Until then it may be under way in another worker.
        time.sleep(max(0.0, lost_by + join_seconds - time.monotonic()))
        Agreement("A worker is killed during the call", *lost, portal.again("good2", tab)).check()
    audit("resolve", lost_id, "linked")
    assert audit("pending", "--older-than", "0") == ""
    assert "Nothing was written" in audit("resolve", lost_id, "not_found", exit_code=1)


def the_log_can_not_be_written(portal: Portal) -> None:
    with portal.linking("good1") as under_way:
        pass
    assert portal.is_answered(under_way)
    row = (portal.done(portal.viewer), portal.newest(), portal.zype(), portal.again("good1", portal.viewer))
    Agreement("The disk under the log is full", *row).check()


def a_worker_is_killed(portal: Portal, audit: Callable[..., str]) -> tuple[tuple[str, str, str], str]:
    """The attempt stays without an outcome, and the operator finds it; return what all say of it, and its id."""
    worker = portal.worker()
    with portal.linking("good2") as under_way:
        os.kill(worker, signal.SIGKILL)
        assert not portal.is_answered(under_way)
    row = (NO_ANSWER, portal.newest(), portal.zype())
    assert audit("pending") == "", "younger attempts may be under way"
    listed = audit("pending", "--older-than", "0")
    attempt_id = re.findall(r"\b[0-9a-f]{32}\b", listed)
    assert len(attempt_id) == 1, listed
    assert portal.viewer.consumer_id in listed
    # Another worker replaces it, and the session is still good.
    portal.viewer = portal.clients.tab_of(portal.viewer)
    return row, attempt_id[0]


def it_is_stopped(portal: Portal) -> tuple[str, str]:
    """The link is finished first; return what ledger and Zype say of it."""
    before = portal.calls()
    with portal.linking("good3") as under_way:
        portal.process.terminate()
        # A server that stops lets new connections wait first, until it refuses them.
        wait_until(lambda: not accepts(portal.port.number, 0.1), "it accepts no connection")
    assert portal.is_answered(under_way)
    # It would wait for their connections.
    portal.clients.close()
    assert portal.process.wait(SECONDS) == LAST_LINES_LOST
    assert portal.calls() == before + 1
    return portal.newest(), portal.zype()


def the_arbiter_is_killed(portal: Portal) -> tuple[str, str]:
    """The workers finish the link, and end; return what ledger and Zype say of it."""
    workers = children_of(portal.process.pid)
    with portal.linking("good4") as under_way:
        os.kill(portal.process.pid, signal.SIGKILL)
    assert portal.is_answered(under_way)
    portal.clients.close()
    wait_until(lambda: not any(is_running(worker) for worker in workers), "the workers have ended too")
    return portal.newest(), portal.zype()
