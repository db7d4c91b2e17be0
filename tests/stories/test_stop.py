"""A stop finishes requests under way, and the sandbox stops with the portal; tests/faults has how processes die."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from portal.domain.outcomes import Outcome
from portal.settings.settings import Settings
from tests.harness import servers
from tests.harness.commands import fork_with
from tests.harness.faulty_zype import holding
from tests.harness.servers import Port, Processes, sandbox_addresses
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.starting import accepts
from tests.harness.timing import wait_until
from tests.stories.ledger_rows import rows_of
from tests.stories.viewer_clients import ViewerClients
from tests.stories.workers import children_of, is_running, listens_on

SECONDS = 10.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """A thread for a request that the viewer waits for."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def terminate(serve: Processes) -> None:
    """Stop it with SIGTERM, as a service manager does."""
    serve.process.terminate()


def press_ctrl_c(serve: Processes) -> None:
    """Stop it with SIGINT, as a terminal does, which sends the signal to the workers too."""
    os.killpg(serve.process.pid, signal.SIGINT)


def test_ctrl_c_lets_a_link_in_flight_finish(
    processes: Processes,
    port: Port,
    clients: ViewerClients,
    pool: ThreadPoolExecutor,
    sandbox: SimulatedZype,
    settings: Settings,
) -> None:
    viewer = clients.viewer(1)
    with holding(sandbox, "/pin/link") as arrived:
        under_way = pool.submit(viewer.enter_pin, "good1")
        assert arrived.wait(SECONDS)
        press_ctrl_c(processes)
        wait_until(lambda: not accepts(port.number, 0.1), "it accepts no connection")
    assert under_way.result(SECONDS).outcome is Outcome.LINKED
    # It would wait for the connection.
    clients.close()
    assert processes.process.wait(SECONDS) == 0
    assert [call["status"] for call in sandbox.record()] == [200]
    assert [row["outcome"] for row in rows_of(settings)] == [None, Outcome.LINKED]
    assert "Traceback" not in processes.log()


def sandbox_and_mailer(serve: Processes, environ: dict[str, str]) -> tuple[int | None, int | None]:
    """Return the two processes that run commands, in sessions of their own; None for one that has not begun."""
    commands = [child for child in children_of(serve.process.pid) if os.getsid(child) == child]
    port = int(environ["PORTAL_ZYPE_API_URL"].rpartition(":")[2])
    sandbox = next((child for child in commands if listens_on(child, port)), None)
    return sandbox, next((child for child in commands if child != sandbox), None)


def is_ended(worker: int) -> bool:
    """Tell whether a worker has ended, and stop it if it has not: one that is still starting ignores that."""
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGTERM)
    return not is_running(worker)


def wait_for_children(serve: Processes) -> list[int]:
    """Return the two workers, the sandbox and the mailer as soon as all of them run."""
    wait_until(lambda: len(children_of(serve.process.pid)) == 4, "two workers, the sandbox and the mailer run")
    return children_of(serve.process.pid)


class TestInSandboxMode:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        """Sandbox mode, in which serve starts a sandbox and a mailer."""
        return environ | {"PORTAL_MODE": "sandbox"} | sandbox_addresses()

    @pytest.fixture
    def serve(self, environ: dict[str, str], port: Port, tmp_path: Path) -> Iterator[Processes]:
        """The portal without settings that have defaults, which does not wait for long to start a mailer again."""
        soon = fork_with({"portal.commands.child_process.RESTART_SECONDS": 0.5})
        with servers.processes(environ, port, tmp_path, start=soon) as serve:
            yield serve

    def test_the_sandbox_stops_if_the_portal_is_killed(self, serve: Processes) -> None:
        started = wait_for_children(serve)
        serve.process.kill()
        serve.process.wait(SECONDS)
        wait_until(lambda: not any(is_running(process) for process in started), "workers, sandbox and mailer are gone")

    def test_the_sandbox_outlives_a_worker_a_killed_mailer_is_restarted_and_a_stop_ends_all(
        self, serve: Processes, environ: dict[str, str]
    ) -> None:
        started = wait_for_children(serve)
        sandbox, mailer = sandbox_and_mailer(serve, environ)
        assert sandbox
        assert mailer
        worker = next(child for child in started if child not in (sandbox, mailer))

        os.kill(mailer, signal.SIGKILL)
        wait_until(lambda: is_ended(worker), "the worker is gone", every=0.1)
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
