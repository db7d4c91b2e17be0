"""A command of the portal, and the process that runs it after a fork."""

import os
import select
import signal
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

# Of the process that runs the command: first its id, then its exit status.
NUMBER = struct.Struct("i")


@dataclass(frozen=True)
class Command:
    """A command of the portal, which gets a session of its own, so that Ctrl-C can be sent to all its processes.

    Args:
        words: such as ``("db", "upgrade")``.
        environ: exactly its environment variables.
        folder: its working directory.
        stdout: where it prints.
        stderr: where it prints errors.
        stdin: what it reads; nothing, if there is none.
    """

    words: Sequence[str]
    environ: Mapping[str, str]
    folder: Path
    stdout: IO[Any]
    stderr: IO[Any]
    stdin: IO[Any] | None = None


class ForkedProcess:
    """A command of the portal in a process of its own; the methods are those of subprocess.Popen.

    Args:
        command: for the message of a time-out.
        status: a pipe that gives the process id at once, and the exit status at the end.
    """

    def __init__(self, command: str, status: int) -> None:
        self._command = command
        self._status = status
        self._exit_status: int | None = None
        self.pid = self._read_number()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status, or raise subprocess.TimeoutExpired."""
        if self._exit_status is None:
            has_ended = select.poll()
            has_ended.register(self._status)
            if not has_ended.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(self._command, timeout or 0)
            self._exit_status = self._read_number()
            os.close(self._status)
        return self._exit_status

    def poll(self) -> int | None:
        """Return the exit status, or none if it has not ended yet."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._send_signal(signal.SIGKILL)

    def _send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _read_number(self) -> int:
        number: int = NUMBER.unpack(os.read(self._status, NUMBER.size))[0]
        return number
