"""One engine for SQLite or PostgreSQL, and on it units of work that read and units of work that write."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Value = TypeVar("Value")

# How long a unit of work waits for another that writes, before the database counts as locked.
LOCK_SECONDS = 3.0
# The mode of a database's file: it holds names, e-mail addresses and hashes that are worth a try.
PRIVATE = 0o600


class DatabaseLocked(SQLAlchemyError):
    """Another unit of work has been writing for LOCK_SECONDS."""


class Database:
    """One engine, and the two kinds of units of work on it; both raise sqlalchemy.exc.SQLAlchemyError.

    Args:
        url: ``sqlite:///…`` or ``postgresql+psycopg://…``.
        connections: how many units of work can be open at once, such as one for each thread of a worker.
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
        # SQLite has one writer. Threads of a process wait here, rather than sleep and poll in SQLite's busy handler,
        # which then only waits for other processes.
        self._write_lock = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection for reading, without a transaction: each statement sees what is committed by then."""
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that is committed at the end, or rolled back on an error.

        On SQLite it is the only one that writes (``BEGIN IMMEDIATE``), so what it reads can't be out of date when it
        writes. DatabaseLocked is raised if another one has been writing for LOCK_SECONDS.
        """
        if not self.is_sqlite:
            with self._writer.begin() as connection:
                yield connection
            return
        if not self._write_lock.acquire(timeout=LOCK_SECONDS):
            raise DatabaseLocked("another unit of work has been writing for too long")
        try:
            with self._writer.begin() as connection:
                yield connection
        finally:
            self._write_lock.release()

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
            now: datetime = reader.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return now.astimezone(UTC)

    def insert(self, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
        """Return an INSERT that can say what to do on a conflict; each dialect has its own."""
        # Only the dialect in use is imported, since that of PostgreSQL takes 40 ms.
        dialect = import_module(f"sqlalchemy.dialects.{self._engine.dialect.name}")
        insert: sqlite.Insert | postgresql.Insert = dialect.insert(table)
        return insert

    def lock(self, connection: Connection, names: list[bytes]) -> None:
        """Take the locks of these names in their order, and hold them until the transaction ends.

        Args:
            connection: of a unit of work that writes. On SQLite there is only one, so there is nothing to lock.
            names: digests of at least eight bytes.
        """
        if self.is_sqlite:
            return
        for name in names:
            number = int.from_bytes(name[:8], "big", signed=True)
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))

    def dispose(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def shared_files(self) -> list[Path]:
        """Return the files of an SQLite database that other accounts of the machine can read or write."""
        path = self._engine.url.database
        files = [Path(f"{path}{suffix}") for suffix in ("", "-wal", "-shm")] if self.is_sqlite else []
        return [file for file in files if file.exists() and file.stat().st_mode & ~PRIVATE & 0o777]


def describe(error: SQLAlchemyError) -> str:
    """Return the database's own message, without the statement: it is read-only, full, locked or gone."""
    return f"{type(error).__name__}: {error.orig if isinstance(error, DBAPIError) else error}"


def _engine(url: URL, connections: int) -> Engine:
    options: dict[str, Any] = {"pool_size": connections, "max_overflow": 4, "hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        # A connection of the pool is used by many threads, but never by two at once.
        options["connect_args"] = {"check_same_thread": False, "timeout": LOCK_SECONDS}
    else:
        options["pool_pre_ping"] = True
        options["connect_args"] = {
            "connect_timeout": 3,
            # A network that drops packets must not block a thread for the 15 minutes that TCP allows.
            "tcp_user_timeout": 5000,
            "options": f"-c lock_timeout={int(LOCK_SECONDS * 1000)} -c statement_timeout=5000",
        }
    engine = sa.create_engine(url, **options)
    if url.get_backend_name() == "sqlite":
        sa.event.listen(engine, "do_connect", _create_privately)
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_privately(_dialect: object, _record: object, arguments: list[Any], _options: object) -> None:
    """Create the file, if it is missing, for this account alone. SQLite gives its -wal and -shm the same mode."""
    # Where that is not possible, SQLite says why.
    with suppress(OSError, ValueError):
        os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))


def _configure_sqlite(connection: Any, _record: object) -> None:
    # By default Python's sqlite3 begins a transaction at the first write, so two units of work could read the same
    # and then both write.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        # Otherwise REPLACE would delete a row of the ledger without firing its trigger.
        "recursive_triggers=ON",
        # What it sorts would be in a folder for temporary files, which may be full.
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("write"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
