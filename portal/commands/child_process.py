"""Commands that run as child processes of the server, and end when it ends, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from threading import Event, Thread
from typing import Self

import structlog

from portal.settings.platforms import without_injected

# The name is part of the lines that operators read.
log = structlog.get_logger("portal.commands")

# A process that can't live is not restarted without a pause.
RESTART_SECONDS = 5.0


class ChildProcess:
    """A command of the portal, such as ``("sandbox",)``, in a child process that ends with the ``with`` block.

    The command has to know ``--stop-with-stdin``.

    Args:
        command: the command.
        environ: its environment.
        values_file: the file for the values of its metrics. Then the command has to know ``--values-file``.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], values_file: int | None = None) -> None:
        # Its environment is complete: what .env says is in it already, or is not meant for it.
        self._command = [sys.executable, "-m", "portal", "--no-dotenv", *command, "--stop-with-stdin"]
        self._files = () if values_file is None else (values_file,)
        self._command += [f"--values-file={file}" for file in self._files]
        # The server has named these already.
        self._environ = without_injected(environ)
        self._name = command[0]
        self._owner = os.getpid()
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # A worker leaves the block too, since it was forked inside.
        if os.getpid() == self._owner:
            self._process.terminate()
            self._wait()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def restart_if_ended(self) -> None:
        """Start it again if it has ended, and log an error: it should not have."""
        if self.is_running or time.monotonic() < self._started + RESTART_SECONDS:
            return
        log.error("process_restarted", process=self._name)
        self._wait()
        self._start()

    def _start(self) -> None:
        self._started = time.monotonic()
        # In a session of its own: Ctrl-C stops the portal first, and links in flight can still reach the sandbox.
        self._process = subprocess.Popen(  # noqa: S603
            self._command, stdin=subprocess.PIPE, env=self._environ, pass_fds=self._files, start_new_session=True
        )

    def _wait(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


def stop_event(with_stdin: bool) -> Event:
    """Return an event that SIGTERM and SIGINT set; call it from the main thread.

    With ``with_stdin`` the end of standard input sets it too: it ends with the process that writes to it.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if with_stdin:
        Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
    return stop


def _wait_for_end_of_input(stop: Event) -> None:
    """Read standard input to its end, without Python's buffers: their lock would delay the exit of the interpreter."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()
