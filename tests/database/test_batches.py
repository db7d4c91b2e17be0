"""Threads that write one SQLite database share transactions, and each is answered after the commit of its own."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from portal.database.batches import BatchLost
from portal.database.database import Database
from portal.database.engine import DatabaseLocked, TimeLimits
from tests.harness.sent_statements import noted
from tests.harness.timing import wait_until

SECONDS = 10.0
Work = Callable[[Connection], object]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a database with one table, whose rows may name others when they are committed."""
    url = f"sqlite:///{tmp_path / 'portal.db'}"
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT,"
            " other INTEGER REFERENCES rows DEFERRABLE INITIALLY DEFERRED)"
        )
    database.dispose()
    return url


class Units:
    """Units of work of threads, which queue up in their order behind one that is open.

    Args:
        database: that they write.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sent: list[str] = []
        self.answered: list[int] = []
        # How many were answered, at each commit.
        self.answered_before: list[int] = []
        sa.event.listen(database._engine, "commit", lambda _: self.answered_before.append(len(self.answered)))

    @property
    def commits(self) -> int:
        return len(self.answered_before)

    def run(self, *works: Work) -> list[BaseException | None]:
        """Return what each raised; the first is open until all others wait."""
        with ThreadPoolExecutor(len(works)) as pool:
            others: list[Future[None]] = []
            first = pool.submit(self._write, 0, lambda connection: self._queue(connection, pool, works, others))
            ended = [first.exception(SECONDS)]
            return ended + [other.exception(SECONDS) for other in others]

    def _queue(
        self, connection: Connection, pool: ThreadPoolExecutor, works: tuple[Work, ...], others: list[Future[None]]
    ) -> None:
        for number, work in enumerate(works[1:], 1):
            others.append(pool.submit(self._write, number, work))
            wait_until(lambda number=number: len(self.database._batches._waiting) == number, "it waits")  # type: ignore[misc]
        works[0](connection)

    def _write(self, number: int, work: Work) -> None:
        try:
            with self.database.write() as connection:
                work(connection)
        finally:
            self.answered.append(number)

    def ids(self) -> list[int]:
        return ids(self.database)


def ids(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.exec_driver_sql("SELECT id FROM rows ORDER BY id").scalars())


def insert(row_id: int, text: str = "", other: int | None = None) -> Work:
    statement = sa.text("INSERT INTO rows VALUES (:id, :text, :other)")
    return lambda connection: connection.execute(statement, {"id": row_id, "text": text, "other": other})


def insert_and_fail(row_id: int) -> Work:
    def work(connection: Connection) -> None:
        insert(row_id)(connection)
        raise LookupError(row_id)

    return work


def fill_the_disk(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA max_page_count = 2")
    insert(99, text="x" * 100_000)(connection)


@pytest.fixture
def units(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Units]:
    """Units of work on the database, which may take as long as they do."""
    monkeypatch.setattr("portal.database.batches.MAX_SECONDS", SECONDS)
    database = Database(url)
    units = Units(database)

    def note(text: str, _values: object) -> None:
        if not text.startswith("PRAGMA"):
            units.sent.append(text.split()[0])

    with noted(database, note):
        yield units
    database.dispose()


def test_a_unit_behind_which_nobody_waits_is_a_plain_transaction(units: Units) -> None:
    assert units.run(insert(1)) == [None]
    assert units.sent == ["BEGIN", "INSERT"]
    assert units.commits == 1


def test_units_that_wait_share_a_commit_in_their_order_and_are_answered_after_it(units: Units) -> None:
    seen: list[list[int]] = []

    def work(connection: Connection) -> None:
        seen.append(list(connection.exec_driver_sql("SELECT id FROM rows ORDER BY id").scalars()))
        insert(len(seen))(connection)

    assert units.run(work, work, work) == [None] * 3
    assert seen == [[], [1], [1, 2]]
    assert units.answered_before == [0]
    assert units.sent == ["BEGIN", "SELECT", "INSERT", *(["SAVEPOINT", "SELECT", "INSERT"] * 2)]
    assert units.ids() == [1, 2, 3]


def test_a_unit_that_fails_is_rolled_back_alone_and_told_after_the_commit(units: Units) -> None:
    ended = units.run(insert(1), insert_and_fail(2), insert(3), insert_and_fail(4))
    assert [repr(error) for error in ended] == ["None", "LookupError(2)", "None", "LookupError(4)"]
    assert units.answered_before == [0]
    assert units.ids() == [1, 3]


def test_the_first_that_fails_keeps_nobody_waiting(units: Units) -> None:
    assert [repr(error) for error in units.run(insert_and_fail(1), insert(2))] == ["LookupError(1)", "None"]
    assert units.answered[0] == 0
    assert units.ids() == [2]


def test_a_commit_that_fails_fails_every_unit_with_an_error_of_its_own(units: Units) -> None:
    ended = units.run(insert(1), insert(2, other=77), insert_and_fail(3), insert(4))
    assert [type(error) for error in ended] == [BatchLost, BatchLost, BatchLost, IntegrityError]
    assert len({id(error) for error in ended}) == 4
    assert "FOREIGN KEY constraint failed" in str(ended[0])
    assert units.ids() == []
    assert units.run(insert(5)) == [None]


def test_a_full_disk_takes_the_earlier_units_along(units: Units) -> None:
    ended = units.run(insert(1), insert_and_fail(2), fill_the_disk, insert(4))
    assert [type(error) for error in ended] == [BatchLost, BatchLost, OperationalError, type(None)]
    assert "database or disk is full" in str(ended[0])
    assert units.ids() == [4]


def test_a_full_disk_is_not_overlooked_by_a_unit_that_goes_on(units: Units) -> None:
    def work(connection: Connection) -> None:
        with suppress(DBAPIError):
            fill_the_disk(connection)

    assert [type(error) for error in units.run(insert(1), work)] == [BatchLost, BatchLost]
    assert [type(error) for error in units.run(work)] == [BatchLost]
    assert units.ids() == []


@pytest.mark.parametrize(("limit", "value", "commits"), [("MAX_UNITS", 2, 3), ("MAX_SECONDS", 0.0, 5)])
def test_a_batch_ends_though_others_wait(
    limit: str, value: float, commits: int, units: Units, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"portal.database.batches.{limit}", value)
    assert units.run(*(insert(row_id) for row_id in range(5))) == [None] * 5
    assert units.commits == commits
    assert units.ids() == [0, 1, 2, 3, 4]


def test_a_unit_that_gave_up_waiting_is_waited_for_by_nobody(url: str) -> None:
    database = Database(url, limits=TimeLimits(lock_seconds=0.05))
    with ThreadPoolExecutor(1) as pool, database.write() as connection:
        insert(1)(connection)
        late = pool.submit(lambda: Units(database)._write(2, insert(2)))
        assert isinstance(late.exception(SECONDS), DatabaseLocked)
    with database.write() as connection:
        insert(3)(connection)
    assert ids(database) == [1, 3]
    database.dispose()


def test_of_a_process_that_is_killed_every_answered_unit_is_there_and_no_half_one(url: str) -> None:
    """Eight threads write pairs of rows. It is killed while it writes, in the middle of batches more often than not."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        database = Database(url)
        for number in range(8):
            threading.Thread(target=_write_pairs, args=(database, number * 10_000, write)).start()
        threading.Event().wait()
    os.close(write)
    with os.fdopen(read) as pipe:
        answered = [int(pipe.readline()) for _ in range(100)]
        os.kill(pid, 9)
        answered += [int(line) for line in pipe]
    os.waitpid(pid, 0)
    database = Database(url)
    found = set(ids(database))
    database.dispose()
    assert found >= set(answered)
    assert {row_id ^ 1 for row_id in found} == found


def _write_pairs(database: Database, first: int, answers: int) -> None:
    for row_id in range(first, first + 10_000, 2):
        with suppress(SQLAlchemyError), database.write() as connection:
            insert(row_id)(connection)
            insert(row_id + 1)(connection)
        os.write(answers, f"{row_id}\n".encode())
