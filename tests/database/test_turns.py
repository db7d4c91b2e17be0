"""Processes that write one SQLite database take turns; the tests' other process is a fork."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.database.database import Database
from portal.database.engine import PRIVATE, DatabaseLocked, TimeLimits
from portal.database.turns import Turns
from tests.harness.timing import wait_until

SECONDS = 5.0


@contextmanager
def other_process(database: Path) -> Iterator[int]:
    """Another process, with its id, which has a turn until the block ends."""
    ready, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        turns = Turns(database, PRIVATE)
        os.write(write, b"1" if turns.take(SECONDS) else b"0")
        time.sleep(60)
        os._exit(0)
    try:
        assert os.read(ready, 1) == b"1"
        yield pid
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(write)


def test_a_turn_is_private_waits_for_the_other_process_and_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "portal.db"
    turns = Turns(file, PRIVATE)
    with other_process(file) as pid:
        assert (tmp_path / "portal.db-turn").stat().st_mode & 0o777 == PRIVATE
        assert not turns.take(0.01)
        os.kill(pid, 9)
        assert turns.take(SECONDS), "the kernel ended the turn of the killed process"
    turns.end()
    turns.close()


def test_who_waits_comes_before_who_has_written_for_long_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.database.turns.STREAK_SECONDS", 0.0)
    file = tmp_path / "portal.db"
    turns = Turns(file, PRIVATE)
    assert turns.take(SECONDS)
    had, write = os.pipe()
    os.set_blocking(had, False)
    pid = os.fork()
    if pid == 0:
        is_had = Turns(file, PRIVATE).take(SECONDS)
        os.write(write, b"1" if is_had else b"0")
        os._exit(0)
    wait_until(lambda: f" {pid} " in Path("/proc/locks").read_text(), "the other process is next")
    turns.end()
    # At once, and all the same only after the other process has had its turn.
    assert turns.take(SECONDS)
    assert os.read(had, 1) == b"1"
    os.waitpid(pid, 0)
    os.close(had)
    os.close(write)
    turns.close()


def test_without_the_file_or_the_folder_every_turn_is_had_at_once(tmp_path: Path) -> None:
    for database in (None, tmp_path / "no-such-folder/portal.db"):
        turns = Turns(database, PRIVATE)
        assert turns.take(0.0), database
        turns.end()
        turns.close()


def test_whose_turn_does_not_come_in_time_has_written_nothing(sqlite_url: str) -> None:
    database = Database(sqlite_url, limits=TimeLimits(lock_seconds=0.05))
    others = other_process(Path(sqlite_url.removeprefix("sqlite:///")))
    with others, pytest.raises(DatabaseLocked), database.write():
        pytest.fail("it had its turn")
    with database.write():
        pass
    database.dispose()
