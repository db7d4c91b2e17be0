"""Waits for servers in processes of their own: until they answer, or have ended instead."""

import socket
from collections.abc import Callable
from contextlib import suppress

from tests.harness.commands import Process
from tests.harness.timing import is_soon

START_SECONDS = 30.0


def wait_until_it_answers(process: Process, answers: Callable[[], object], log: Callable[[], str]) -> None:
    """Return as soon as a server answers.

    Args:
        process: the server.
        answers: tells whether it does.
        log: returns what it has printed.

    Raises:
        AssertionError: with its log, if it has ended, or takes too long.
    """
    if not is_soon(lambda: process.poll() is not None or answers(), START_SECONDS) or process.poll() is not None:
        raise AssertionError(f"It did not start:\n{log()}")


def accepts(port: int, seconds: float = 1.0) -> bool:
    """Tell whether something accepts a connection on a loopback port, within so many seconds."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=seconds):
        return True
    return False
