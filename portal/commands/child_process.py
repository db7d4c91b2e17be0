"""Processes of ours that run beside the portal and end with it, however it ends: both halves of that promise."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event, Thread

import structlog

log = structlog.get_logger("portal.beside")

# One that can't live is not started again and again without a pause.
RESTART_SECONDS = 5.0


class Beside:
    """A command of ours in a process of its own.

    Args:
        words: of the command, such as ``("sandbox",)``; it has to know ``--stop-with-stdin``.
        environ: of the process.
    """

    def __init__(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        self._command = [sys.executable, "-m", "portal", *words, "--stop-with-stdin"]
        self._environ = dict(environ)
        self.name = words[0]
        self._start()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def keep(self) -> None:
        """Start it again if it has ended, and say so loudly: it should not have."""
        if self.is_running or time.monotonic() < self._started + RESTART_SECONDS:
            return
        log.error("process_restarted", process=self.name)
        self._drop()
        self._start()

    def stop(self) -> None:
        """End it and wait until it has ended."""
        self._process.terminate()
        self._drop()

    def _start(self) -> None:
        self._started = time.monotonic()
        # In a session of its own: Ctrl-C stops the portal first, and a link that is under way finds its sandbox.
        self._process = subprocess.Popen(  # noqa: S603
            self._command, stdin=subprocess.PIPE, env=self._environ, start_new_session=True
        )

    def _drop(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


@contextmanager
def beside(words: Sequence[str], environ: Mapping[str, str]) -> Iterator[Beside]:
    """Run a command of ours while the block runs.

    Args:
        words: of the command.
        environ: of the process.
    """
    owner = os.getpid()
    process = Beside(words, environ)
    try:
        yield process
    finally:
        # A worker that ends comes by here too, since it was forked inside the block.
        if os.getpid() == owner:
            process.stop()


def told_to_stop(with_stdin: bool) -> Event:
    """Return what is set by SIGTERM and SIGINT; call it from the main thread.

    Args:
        with_stdin: set it as well when standard input ends, as it does with the process at its other end.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if with_stdin:
        Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
    return stop


def _wait_for_end_of_input(stop: Event) -> None:
    """Read standard input to its end, below Python's buffers: their lock would trouble the interpreter's exit."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()
