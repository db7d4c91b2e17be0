"""A command starts by a fork as it does by a new interpreter."""

import signal
import subprocess
from pathlib import Path

import pytest

from portal import __version__
from tests.harness.commands import Command, Start, command_environ, fork_with, run_command, start_fork, start_python
from tests.harness.fork_server import ForkServer, fork_server
from tests.harness.servers import sandbox_addresses


@pytest.mark.parametrize("start", [start_fork, start_python])
def test_a_command_gives_its_status_and_output(start: Start, tmp_path: Path) -> None:
    done = run_command(["--version"], {}, tmp_path, start)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"zype-activate, version {__version__}\n", "")
    done = run_command(["dance"], {}, tmp_path, start)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: python -m portal [OPTIONS] COMMAND")
    # It has this environment, and runs in this folder.
    (tmp_path / ".env").write_text("PORTAL_BIND=wrong\n")
    done = run_command(["check"], {"PORTAL_WORKERS": "wrong"}, tmp_path, start)
    assert done.returncode == 1
    assert [line.strip().split(":")[0] for line in done.stderr.splitlines()[1:]] == ["PORTAL_BIND", "PORTAL_WORKERS"]


def test_a_fork_can_be_waited_for_and_killed(tmp_path: Path) -> None:
    environ = command_environ(sandbox_addresses(), tmp_path)
    with (tmp_path / "log").open("wb") as log:
        process = start_fork(Command(["sandbox"], environ, tmp_path, log, log))
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    assert process.poll() is None
    process.kill()
    assert process.wait(5) == process.poll() == -signal.SIGKILL
    process.kill()


def test_a_constant_is_another_in_one_fork_alone(tmp_path: Path) -> None:
    for start, version in ((fork_with({"portal.__version__": "0.0"}), "0.0"), (start_fork, __version__)):
        assert run_command(["--version"], {}, tmp_path, start).stdout == f"zype-activate, version {version}\n"
    misspelt = run_command(["--version"], {}, tmp_path, fork_with({"portal.__versoin__": "0.0"}))
    assert (misspelt.returncode, misspelt.stdout) == (1, "")
    assert "LookupError: portal.__versoin__" in misspelt.stderr


def test_all_processes_of_a_run_share_the_one_that_forks(tmp_path: Path) -> None:
    fork_server()
    another = ForkServer()
    assert another._process is None
    done = run_command(["--version"], {}, tmp_path, another.start)
    another.close()
    assert done.stdout == f"zype-activate, version {__version__}\n"
    # It serves the first one still.
    assert run_command(["--version"], {}, tmp_path).returncode == 0
