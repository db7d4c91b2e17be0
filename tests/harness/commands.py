"""Commands of the portal in processes of their own, started by a new interpreter or, faster, by a fork."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Protocol

from tests.harness.fork_server import ROOT, ForkedProcess, fork_server

Process = ForkedProcess | subprocess.Popen[bytes]


class Start(Protocol):
    """Starts a command of the portal in a session of its own, so that a test can send Ctrl-C to all its processes."""

    def __call__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        stdout: IO[Any],
        stderr: IO[Any],
        stdin: IO[Any] | None = None,
    ) -> Process:
        """Start the command with exactly these environment variables, in the folder; without stdin it reads nothing."""
        ...


def start_python(
    command: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    stdout: IO[Any],
    stderr: IO[Any],
    stdin: IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command by a new interpreter, which imports every library again."""
    return subprocess.Popen(
        [sys.executable, "-m", "portal", *command],
        cwd=folder,
        env=environ,
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def start_fork(
    command: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    stdout: IO[Any],
    stderr: IO[Any],
    stdin: IO[Any] | None = None,
) -> ForkedProcess:
    """Start a command by a fork of a process that has imported the libraries."""
    return fork_server().start(command, environ, folder, stdout, stderr, stdin)


def command_environ(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment of a command: these variables, and of this process's own the PATH alone."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), **environ}


def run_command(
    command: Sequence[str], environ: Mapping[str, str], folder: Path, start: Start = start_fork
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Args:
        command: such as ``("db", "upgrade")``.
        environ: its PORTAL_* variables.
        folder: its working directory.
        start: ``start_python`` to start it as an operator does.
    """
    with TemporaryFile("w+") as stdout, TemporaryFile("w+") as stderr:
        status = start(command, command_environ(environ, folder), folder, stdout, stderr).wait(60)
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(command, status, stdout.read(), stderr.read())
