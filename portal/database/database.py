"""One engine for SQLite or PostgreSQL, and on it units of work that read and units of work that write."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, partial
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url

from portal.database.batches import Batches
from portal.database.engine import PRIVATE, TimeLimits, make_engine
from portal.database.statements import Statement
from portal.database.turns import Turns
from portal.database.units_of_work import Reading, Timed, Transaction, TurnToWrite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Value = TypeVar("Value")

# Of the portal while it serves, and of every command but those that change the schema.
TIME_LIMITS = TimeLimits()


class Wait(StrEnum):
    """What a unit of work waits for: a connection to read, the beginning of a transaction that writes, or locks."""

    READ = "read"
    WRITE = "write"
    LOCK = "lock"


class Database:
    """One engine, and the two kinds of units of work on it; both raise sqlalchemy.exc.SQLAlchemyError.

    Args:
        url: ``sqlite:///…`` or ``postgresql+psycopg://…``.
        connections: how many units of work can be open at once, such as one for each thread of a worker.
        limits: how long a unit of work may wait; TIME_LIMITS if none is given.
        observe: called with each Wait, and the seconds that it took, when it ends or is given up.
    """

    def __init__(
        self,
        url: str,
        connections: int = 32,
        limits: TimeLimits | None = None,
        observe: Callable[[Wait, float], None] = lambda wait, seconds: None,
    ) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._limits = limits or TIME_LIMITS
        self._observe = observe
        self._engine = make_engine(parsed, connections, self._limits)
        # SQLite has one writer. Threads of a process wait here, and the first of them for the turn of its process. The
        # busy handler of SQLite, which sleeps for long, then only waits for other programs.
        self._turns = Turns(_file(parsed), PRIVATE)
        self._batches = Batches(self._turn_to_write, self._limits.lock_seconds)

    def read(self) -> AbstractContextManager[Connection]:
        """Return a unit of work with a connection for reading: each statement sees what is committed by then.

        It is without a transaction, except on PostgreSQL behind a pooler, where each of them needs its time limits.
        """
        return Timed(Reading(self._engine), partial(self._observe, Wait.READ))

    def write(self) -> AbstractContextManager[Connection]:
        """Return a unit of work in a transaction that is committed at the end, or rolled back on an error.

        On SQLite it is the only one that writes (``BEGIN IMMEDIATE``), so what it reads can't be out of date when it
        writes. DatabaseLocked is raised if another one has been writing for too long.
        """
        unit = self._batches.unit() if self.is_sqlite else Transaction(self._engine)
        return Timed(unit, partial(self._observe, Wait.WRITE))

    def scalar(self, query: sa.Select[Value]) -> Value | None:
        """Return the first value that a query finds, or none."""
        with self.read() as connection:
            return connection.execute(query).scalar()

    def change(self, statement: sa.UpdateBase) -> int:
        """Execute one statement in a transaction of its own, and return how many rows it changed."""
        with self.write() as connection:
            return connection.execute(statement).rowcount

    def now(self, connection: Connection | None = None) -> datetime:
        """Return the database's time, in UTC.

        SQLite runs in this process, so it is the time of this process. PostgreSQL is asked, since the clocks of
        several machines may differ.
        """
        if self.is_sqlite:
            return datetime.now(UTC)
        with nullcontext(connection) if connection else self.read() as reader:
            now: datetime = _NOW.one(reader, {})[0]
        return now.astimezone(UTC)

    def insert(self, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
        """Return an INSERT that can say what to do on a conflict; each dialect has its own."""
        # Only the dialect in use is imported, since that of PostgreSQL takes 40 ms.
        dialect = import_module(f"sqlalchemy.dialects.{self._engine.dialect.name}")
        insert: sqlite.Insert | postgresql.Insert = dialect.insert(table)
        return insert

    def lock(self, connection: Connection, names: Iterable[str]) -> datetime:
        """Take the locks of these names in their order, hold them until the transaction ends, and return ``now``.

        Args:
            connection: of a unit of work that writes. On SQLite there is only one, so there is nothing to lock.
            names: of any length; the same name is the same lock everywhere.
        """
        if self.is_sqlite or not (numbers := _lock_numbers(names)):
            return self.now(connection)
        start = time.monotonic()
        try:
            now: datetime = _lock(len(numbers)).one(connection, numbers)[-1]
        finally:
            self._observe(Wait.LOCK, time.monotonic() - start)
        return now.astimezone(UTC)

    def _turn_to_write(self, seconds: float) -> AbstractContextManager[Connection]:
        return TurnToWrite(self._engine, self._turns, seconds)

    def dispose(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._turns.close()

    def shared_files(self) -> list[Path]:
        """Return the files of an SQLite database that other accounts of the machine can read or write."""
        path = self._engine.url.database
        files = [Path(f"{path}{suffix}") for suffix in ("", "-wal", "-shm")] if self.is_sqlite else []
        return [file for file in files if file.exists() and file.stat().st_mode & ~PRIVATE & 0o777]


_NOW = Statement(sa.select(sa.func.clock_timestamp()))


@cache
def _lock(count: int) -> Statement:
    """Return the query that takes so many of PostgreSQL's locks, from left to right, and then tells the time."""
    numbers = (sa.bindparam(f"lock_{place}", type_=sa.BigInteger) for place in range(count))
    locks = (sa.func.pg_advisory_xact_lock(number) for number in numbers)
    return Statement(sa.select(*locks, sa.func.clock_timestamp()))


def _lock_numbers(names: Iterable[str]) -> dict[str, int]:
    # PostgreSQL's locks have numbers of eight bytes.
    numbers = (int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True) for name in names)
    return {f"lock_{place}": number for place, number in enumerate(numbers)}


def _file(url: URL) -> Path | None:
    """Return the file of an SQLite database, or none if it is in memory or not SQLite."""
    is_file = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":", "file:"))
    return Path(url.database or "") if is_file else None
