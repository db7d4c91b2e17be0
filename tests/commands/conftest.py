"""What tests of the commands share: running one as an operator does."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portal.commands.cli import main
from portal.database.database import Database
from tests.harness.commands import Start, run_command, start_fork

Run = Callable[..., Result]
RunProcess = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def database(environ: dict[str, str]) -> Iterator[Database]:
    """The database of the command's settings."""
    database = Database(environ["PORTAL_DATABASE_URL"], connections=2)
    yield database
    database.dispose()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of commands in this process, in an empty folder: ``run("check", PORTAL_MODE="live")``.

    An exception that a command does not handle fails the test.
    """
    monkeypatch.chdir(tmp_path)

    def run(*command: str, **environ: str) -> Result:
        return CliRunner(env=environ, catch_exceptions=False).invoke(main, command)

    return run


@pytest.fixture
def run_process(tmp_path: Path) -> RunProcess:
    """Return a runner of commands in processes, for those that set up logs, signals or workers.

    ``run_process("serve", start=start_python)`` starts it as an operator does.
    """

    def run(*command: str, start: Start = start_fork, **environ: str) -> subprocess.CompletedProcess[str]:
        return run_command(command, environ, tmp_path, start)

    return run
