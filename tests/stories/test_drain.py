"""No request is lost when workers are replaced, nor when the server stops: it tells balancers first, then refuses."""

import http.client
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.harness import servers
from tests.harness.environment import live_environ
from tests.harness.servers import Port, Processes
from tests.harness.timing import wait_until
from tests.harness.visitors import visitors
from tests.stories.workers import is_running, workers_of

DRAIN_SECONDS = 1.0
CLIENTS = 4


@pytest.fixture
def serve(environ: dict[str, str], port: Port, tmp_path: Path) -> Iterator[Processes]:
    """The portal with two workers, behind a balancer."""
    drain = {"PORTAL_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    with servers.processes(live_environ(environ) | drain, port, tmp_path) as processes:
        yield processes


def answer(port: Port, path: str) -> tuple[int, str | None]:
    """Return status and Connection of the answer to a request on a connection that the client would keep."""
    connection = http.client.HTTPConnection("127.0.0.1", port.number, timeout=5)
    with closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Connection")


def test_no_request_is_lost_while_workers_are_replaced_and_the_server_stops(serve: Processes, port: Port) -> None:
    with visitors(port.number, ("GET /robots.txt",), CLIENTS) as seen:
        workers = workers_of(serve.process.pid)
        os.kill(serve.process.pid, signal.SIGHUP)
        wait_until(lambda: not any(is_running(worker) for worker in workers), "all workers are replaced", seconds=20)
        assert answer(port, "/readyz")[0] == 200, "the server as a whole is ready"

        stopped = time.monotonic()
        serve.process.terminate()
        wait_until(lambda: answer(port, "/readyz")[0] == 503, "balancers are told at once", DRAIN_SECONDS)
        assert answer(port, "/activate") == (200, "close"), "everything is served on"
        assert serve.process.wait(10) == 0
        assert time.monotonic() - stopped >= DRAIN_SECONDS
        wait_until(lambda: seen.refused == CLIENTS, "new connections are refused")
    assert seen.lost == []
    assert {*seen.statuses} == {200}
    # A connection that is tried just before the socket closes is tried again after a second, by the operating system.
    assert seen.longest < 5.0
