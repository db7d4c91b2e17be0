"""Turns of the processes that write one SQLite database: each waits for its own, where SQLite would sleep and look."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

# Bytes of the file that are locked: who holds the first is next, who holds the second writes. So a process that has
# written for long enough can't write again before the one that waits.
_NEXT, _WRITING = 0, 1
# How long to sleep between two looks, at first and at most. SQLite sleeps up to 100 ms.
_FIRST_SLEEP_SECONDS, _MAX_SLEEP_SECONDS = 0.0002, 0.002
# For so long one turn of a process follows the other: what it has read stays valid only until another process writes.
STREAK_SECONDS = 0.02


class Turns:
    """The turns at one database, held in a file beside it; one thread of a process at a time takes and ends them.

    SQLite's own lock guards the data, so nothing depends on turns: programs that know none may write meanwhile, and
    where the file can't be made or locked, or was removed, every turn is had at once. The kernel ends the turn of a
    process that is killed.

    Args:
        database: the file of the database; none if it is in memory.
        mode: of the file, if it has to be made.
    """

    def __init__(self, database: Path | None, mode: int) -> None:
        self._database = database
        self._mode = mode
        self._descriptor: int | None = None
        self._streak_ends = 0.0

    def take(self, seconds: float) -> bool:
        """Wait for a turn, and tell whether it came in so many seconds."""
        if self._descriptor is None:
            self._descriptor = self._open()
        now = time.monotonic()
        if now < self._streak_ends and not self._is_locked_by_another(_WRITING):
            return True
        return self._take_after_others(now + seconds)

    def end(self) -> None:
        """Let another process have its turn."""
        self._unlock(_WRITING)

    def close(self) -> None:
        """Close the file; the next turn opens it again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> int | None:
        if self._database is None:
            return None
        file = self._database.with_name(f"{self._database.name}-turn")
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, self._mode)
        except OSError:
            return None
        # A command that root runs must leave it to the account of the service, as SQLite does with its files.
        with suppress(OSError):
            owner = self._database.stat()
            os.chown(descriptor, owner.st_uid, owner.st_gid)
        return descriptor

    def _take_after_others(self, end: float) -> bool:
        if not self._lock(_NEXT, end):
            return False
        try:
            is_taken = self._lock(_WRITING, end)
        finally:
            self._unlock(_NEXT)
        self._streak_ends = time.monotonic() + STREAK_SECONDS
        return is_taken

    def _lock(self, byte: int, end: float) -> bool:
        sleep_seconds = _FIRST_SLEEP_SECONDS
        while self._is_locked_by_another(byte):
            if time.monotonic() >= end:
                return False
            time.sleep(sleep_seconds)
            sleep_seconds = min(2 * sleep_seconds, _MAX_SLEEP_SECONDS)
        return True

    def _is_locked_by_another(self, byte: int) -> bool:
        """Try to lock a byte; a lock that no file system gives counts as had."""
        if self._descriptor is None:
            return False
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _unlock(self, byte: int) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, byte)
