"""An upgrade of the schema waits for another one, and for as long as it takes."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryFile

import psycopg
import pytest

from portal.database import database as db
from portal.database.database import Database
from portal.database.engine import TimeLimits
from portal.database.migration import upgrade
from portal.database.schema import SchemaState, state_of
from tests.harness.commands import Command, command_environ, start_fork
from tests.harness.postgres import Cluster
from tests.harness.timing import wait_until

SECONDS = 20
DONE = (0, b"The database has this version's schema.\n")
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"


@pytest.fixture
def empty(postgres_cluster: Cluster) -> Iterator[str]:
    """An empty PostgreSQL database."""
    postgres_cluster.create("empty")
    yield postgres_cluster.url("empty")
    postgres_cluster.drop("empty")


def is_current(url: str) -> bool:
    database = Database(url)
    try:
        return state_of(database) is SchemaState.CURRENT
    finally:
        database.dispose()


def upgrade_twice(url: str, folder: Path, meanwhile: Callable[[], None]) -> list[tuple[int, bytes]]:
    """Run two upgrades at once, and return how each ended and what it wrote to standard error."""
    environ = command_environ({"PORTAL_DATABASE_URL": url}, folder)
    with ExitStack() as stack:
        outputs = [stack.enter_context(TemporaryFile()) for _ in range(2)]
        started = [start_fork(Command(("db", "upgrade"), environ, folder, output, output)) for output in outputs]
        meanwhile()
        ended = []
        for process, output in zip(started, outputs, strict=True):
            status = process.wait(SECONDS)
            output.seek(0)
            ended.append((status, output.read()))
        return ended


def test_of_two_upgrades_at_once_both_succeed(empty: str, tmp_path: Path) -> None:
    with psycopg.connect(empty.replace("+psycopg", "")) as connection:
        # Whoever creates this table waits for this transaction, and fails if another one creates it first.
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32))")

        def both_wait() -> bool:
            connection.execute("SELECT pg_stat_clear_snapshot()")
            return connection.execute(WAITING, ["empty"]).fetchone() == (2,)

        def let_both_wait() -> None:
            wait_until(both_wait, "both upgrades wait")
            connection.rollback()

        assert upgrade_twice(empty, tmp_path, let_both_wait) == [DONE, DONE]
    assert is_current(empty)


def test_no_time_limit_in_the_address_ends_the_wait_for_another_upgrade(empty: str) -> None:
    url = f"{empty}?options=-c%20lock_timeout=20%20-c%20statement_timeout=20"
    database = Database(empty)
    with ExitStack() as other:
        connection = other.enter_context(database.write())
        database.lock(connection, ["zype-activate schema"])
        timer = threading.Timer(0.2, other.pop_all().close)
        timer.start()
        upgrade(url)
        timer.join()
    database.dispose()
    assert is_current(empty)


def test_no_time_limit_of_the_portal_ends_an_upgrade(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "TIME_LIMITS", TimeLimits(lock_seconds=0.01, statement_seconds=0.001))
    upgrade(empty)
    file = tmp_path / "portal.db"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.2, other.execute, ["ROLLBACK"])
        timer.start()
        upgrade(f"sqlite:///{file}")
        timer.join()
