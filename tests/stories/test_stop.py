"""A stop finishes requests under way, a crash leaves a pending attempt, and the sandbox stops with the portal."""

import http.client
import os
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from portal.commands.cli import main
from portal.domain.outcomes import Outcome
from portal.settings.settings import Settings
from tests.harness import servers
from tests.harness.servers import Port, Processes, sandbox_addresses
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.timing import wait_until
from tests.stories.ledger_rows import rows_of
from tests.stories.viewer_clients import Response, ViewerClient, ViewerClients
from tests.stories.workers import children_of, is_running, listens_on, worker_of_connection, workers_of

SECONDS = 10.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """A thread for a request that the viewer waits for."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def send_and_wait_until_zype_has_it(
    pool: ThreadPoolExecutor, viewer: ViewerClient, pin: str, sandbox: SimulatedZype
) -> Future[Response]:
    """Send a PIN; return as soon as the call has arrived at Zype and is under way."""
    future = pool.submit(viewer.enter_pin, pin)
    wait_until(sandbox.record, "the call has arrived")
    return future


def terminate(serve: Processes) -> None:
    """Stop it with SIGTERM, as a service manager does."""
    serve.process.terminate()


def press_ctrl_c(serve: Processes) -> None:
    """Stop it with SIGINT, as a terminal does, which sends the signal to the workers too."""
    os.killpg(serve.process.pid, signal.SIGINT)


@pytest.mark.parametrize("stop", [terminate, press_ctrl_c])
def test_a_stop_lets_a_link_in_flight_finish(
    stop: Callable[[Processes], None],
    processes: Processes,
    clients: ViewerClients,
    pool: ThreadPoolExecutor,
    sandbox: SimulatedZype,
    settings: Settings,
) -> None:
    viewer = clients.viewer(1)
    under_way = send_and_wait_until_zype_has_it(pool, viewer, "slow1", sandbox)
    stop(processes)
    assert under_way.result(SECONDS).outcome is Outcome.LINKED
    assert processes.process.wait(SECONDS) == 0
    assert [call["status"] for call in sandbox.record()] == [200]
    assert [row["outcome"] for row in rows_of(settings)] == [None, Outcome.LINKED]
    assert "Traceback" not in processes.log()


@pytest.fixture
def audit(environ: dict[str, str]) -> Callable[..., str]:
    """Return a runner of ``zype-activate audit`` on the ledger of ``processes``, which returns what it prints."""

    def audit(*command: str, exit_code: int = 0) -> str:
        result = CliRunner(env=environ, catch_exceptions=False).invoke(main, ["audit", *command])
        assert result.exit_code == exit_code, result.output
        return result.output

    return audit


def test_a_killed_worker_leaves_a_pending_attempt_that_the_operator_can_resolve(
    processes: Processes,
    clients: ViewerClients,
    pool: ThreadPoolExecutor,
    port: Port,
    sandbox: SimulatedZype,
    audit: Callable[..., str],
    settings: Settings,
) -> None:
    viewer = clients.viewer(1)
    worker = worker_of_connection(workers_of(processes.process.pid), port.number, viewer.local_port)
    under_way = send_and_wait_until_zype_has_it(pool, viewer, "hang1", sandbox)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        under_way.result(SECONDS)

    assert audit("pending") == "", "younger attempts may be under way"
    listed = audit("pending", "--older-than", "0")
    attempt_id = re.findall(r"\b[0-9a-f]{32}\b", listed)
    assert len(attempt_id) == 1, listed
    assert viewer.consumer_id in listed
    audit("resolve", attempt_id[0], "not_found")
    assert [row["outcome"] for row in rows_of(settings)][:2] == [None, Outcome.NOT_FOUND]
    assert audit("pending", "--older-than", "0") == ""
    assert "Nothing was written" in audit("resolve", attempt_id[0], "linked", exit_code=1)

    # Another worker has replaced it, and the viewer can continue.
    assert clients.viewer(1).enter_pin("good1").outcome is Outcome.LINKED


def sandbox_and_mailer(serve: Processes, environ: dict[str, str]) -> tuple[int | None, int | None]:
    """Return the two processes that run commands, in sessions of their own; None for one that has not begun."""
    commands = [child for child in children_of(serve.process.pid) if os.getsid(child) == child]
    port = int(environ["PORTAL_ZYPE_API_URL"].rpartition(":")[2])
    sandbox = next((child for child in commands if listens_on(child, port)), None)
    return sandbox, next((child for child in commands if child != sandbox), None)


class TestInSandboxMode:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        """Sandbox mode, in which serve starts a sandbox and a mailer."""
        return environ | {"PORTAL_MODE": "sandbox"} | sandbox_addresses()

    @pytest.fixture
    def serve(self, environ: dict[str, str], port: Port, tmp_path: Path) -> Iterator[Processes]:
        """The portal without settings that have defaults."""
        with servers.processes(environ, port, tmp_path) as serve:
            yield serve

    def test_the_sandbox_stops_if_the_portal_is_killed(self, serve: Processes) -> None:
        started = children_of(serve.process.pid)
        assert len(started) == 4, "two workers, the sandbox and the mailer"
        serve.process.kill()
        serve.process.wait(SECONDS)
        wait_until(lambda: not any(is_running(process) for process in started), "workers, sandbox and mailer are gone")

    def test_the_sandbox_outlives_a_worker_a_killed_mailer_is_restarted_and_a_stop_ends_all(
        self, serve: Processes, environ: dict[str, str]
    ) -> None:
        started = children_of(serve.process.pid)
        sandbox, mailer = sandbox_and_mailer(serve, environ)
        assert sandbox
        assert mailer
        worker = next(child for child in started if child not in (sandbox, mailer))

        os.kill(worker, signal.SIGTERM)
        os.kill(mailer, signal.SIGKILL)
        wait_until(lambda: not is_running(worker), "the worker is gone")
        assert is_running(sandbox)
        assert requests.get(f"{environ['PORTAL_ZYPE_API_URL']}/tv", timeout=5).ok
        wait_until(lambda: "process_restarted" in serve.log(), "it is started again, and the log says so", seconds=20)
        wait_until(lambda: len(children_of(serve.process.pid)) == 4, "worker and mailer are replaced")
        wait_until(lambda: all(sandbox_and_mailer(serve, environ)), "the new mailer runs its command")
        started = children_of(serve.process.pid)
        assert sandbox_and_mailer(serve, environ)[0] == sandbox
        assert mailer not in started

        terminate(serve)
        assert serve.process.wait(SECONDS) == 0
        assert not [process for process in started if is_running(process)]
