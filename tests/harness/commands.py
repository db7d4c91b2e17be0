"""Commands of the portal in processes of their own, started by a new interpreter or, faster, by a fork."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.harness.fork_server import ROOT, fork_server
from tests.harness.forked_process import Command, ForkedProcess

Process = ForkedProcess | subprocess.Popen[bytes]
Start = Callable[[Command], Process]


def start_python(command: Command) -> subprocess.Popen[bytes]:
    """Start a command by a new interpreter, which imports every library again."""
    return subprocess.Popen(
        [sys.executable, "-m", "portal", *command.words],
        cwd=command.folder,
        env=command.environ,
        stdin=command.stdin or subprocess.DEVNULL,
        stdout=command.stdout,
        stderr=command.stderr,
        start_new_session=True,
    )


def start_fork(command: Command) -> ForkedProcess:
    """Start a command by a fork of a process that has imported the libraries."""
    return fork_server().start(command)


def fork_with(constants: Mapping[str, Any]) -> Start:
    """Return what starts a command by a fork in which constants are others, such as how long something waits.

    Args:
        constants: by module and name, such as ``{"portal.commands.child_process.RESTART_SECONDS": 0.5}``.
    """
    return lambda command: fork_server().start(command, constants)


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
        status = start(Command(command, command_environ(environ, folder), folder, stdout, stderr)).wait(60)
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(command, status, stdout.read(), stderr.read())
