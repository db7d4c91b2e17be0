"""The database: one engine for SQLite or PostgreSQL, units of work that read, and units of work that write."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

# How long a unit of work waits for another one that writes; past that the database counts as locked.
LOCK_SECONDS = 3.0


class DatabaseLocked(SQLAlchemyError):
    """Another unit of work has been writing for longer than anyone should wait."""


class Database:
    """One engine, and the two kinds of units of work on it.

    Args:
        url: ``sqlite:///…`` or ``postgresql+psycopg://…``.
        connections: how many units of work may be under way at once: the threads of a worker.
    """

    def __init__(self, url: str, connections: int = 32) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._engine = _engine(parsed, connections)
        self._reader = self._engine
        self._writer = self._engine
        if self.is_sqlite:
            self._writer = self._engine.execution_options(write=True)
        else:
            self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        # SQLite has one writer. Threads of one process queue fairly here, instead of sleeping and polling in
        # SQLite's own busy handler, which is then left for other processes.
        self._writer_turn = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection for reading: each statement stands alone and sees what is committed.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database can't be reached or read.
        """
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that is committed at the end, or rolled back on an error.

        On SQLite the transaction is the only one that writes from its first statement on
        (``BEGIN IMMEDIATE``), so what it reads can't be out of date when it writes.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database is read-only, full, locked or gone.
        """
        if not self.is_sqlite:
            with self._writer.begin() as connection:
                yield connection
            return
        if not self._writer_turn.acquire(timeout=LOCK_SECONDS):
            raise DatabaseLocked("another unit of work has been writing for too long")
        try:
            with self._writer.begin() as connection:
                yield connection
        finally:
            self._writer_turn.release()

    def now(self, connection: Connection) -> datetime:
        """Return the database's time, in UTC.

        SQLite runs inside this process, so there it is this process's time. PostgreSQL is asked, since the
        clocks of several machines with portals on them may differ.
        """
        if self.is_sqlite:
            return datetime.now(UTC)
        now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return now.astimezone(UTC)

    def lock(self, connection: Connection, names: list[bytes]) -> None:
        """Hold the locks of these names until the transaction ends, taken in the order given.

        Args:
            connection: of a unit that writes. On SQLite it is alone already, so there is nothing to do.
            names: digests of at least eight bytes.
        """
        if self.is_sqlite:
            return
        for name in names:
            number = int.from_bytes(name[:8], "big", signed=True)
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))

    def ping(self) -> None:
        """Ask the database for an answer.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: there was none.
        """
        with self.read() as connection:
            connection.execute(sa.select(1))

    def dispose(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def describe(error: SQLAlchemyError) -> str:
    """Return what the database itself said, without the statement: read-only, full, locked, gone."""
    return f"{type(error).__name__}: {error.orig if isinstance(error, DBAPIError) else error}"


def _engine(url: URL, connections: int) -> Engine:
    options: dict[str, Any] = {"pool_size": connections, "max_overflow": 4, "hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        # One connection of a pool serves many threads in turn, never two at once.
        options["connect_args"] = {"check_same_thread": False, "timeout": LOCK_SECONDS}
    else:
        options["pool_pre_ping"] = True
        options["connect_args"] = {
            "connect_timeout": 3,
            # A network that swallows packets must not hold a thread for the quarter of an hour that TCP allows.
            "tcp_user_timeout": 5000,
            "options": f"-c lock_timeout={int(LOCK_SECONDS * 1000)} -c statement_timeout=5000",
        }
    engine = sa.create_engine(url, **options)
    if url.get_backend_name() == "sqlite":
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    # Left to itself, Python's sqlite3 begins a transaction only at the first write, which lets two units of work
    # read the same and both write.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        # Without it REPLACE would delete a row of the ledger past its trigger.
        "recursive_triggers=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("write"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
