"""Makes the engine for SQLite or PostgreSQL: what each connection is set to, and how a transaction begins on it."""

import os
import re
import select
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, SQLAlchemyError

# The mode of a database's file: it holds names, email addresses and hashes that are worth a try.
PRIVATE = 0o600
# A statement that was executed so often on a connection is prepared: planning those of a link takes PostgreSQL three
# times as long as executing them.
PREPARE_THRESHOLD = 5
# What each transaction has to set, in the info of a connection whose server may be another one each time.
LOCAL_SETTINGS = "local_settings"
# When a connection to PostgreSQL was used last, in its info, by a monotonic clock.
_USED_AT = "used_at"
# Past that, something on the way may have forgotten an idle connection.
ASK_AFTER_SECONDS = 10.0
# As libpq takes them in `options`: "-c name=value", "-cname=value" or "--name=value".
_SERVER_OPTION = re.compile(r"(?:^|\s)(?:-c\s*|--)(?P<name>[\w-]+)=(?P<value>[\w.]+)")


class DatabaseUnusable(SQLAlchemyError):
    """The database can't be used, for a reason that the portal itself found; the text says which."""


class DatabaseLocked(DatabaseUnusable):
    """Another unit of work has been writing for longer than the time limits allow."""

    def __init__(self) -> None:
        super().__init__("another unit of work has been writing for too long")


@dataclass(frozen=True)
class TimeLimits:
    """How long the database may let a unit of work wait.

    Args:
        lock_seconds: for another one that writes, before the database counts as locked.
        statement_seconds: for one statement, on PostgreSQL; 0 for no limit.
    """

    lock_seconds: float = 3.0
    statement_seconds: float = 5.0


def make_engine(url: URL, connections: int, limits: TimeLimits) -> Engine:
    """Return an engine; it connects when it is first used.

    Args:
        url: of the database.
        connections: how many of them can be open at once.
        limits: for what is done on them.
    """
    options: dict[str, Any] = {
        "pool_size": connections,
        "max_overflow": 4,
        # Few connections stay in use, and keep what they have read and prepared.
        "pool_use_lifo": True,
        "hide_parameters": True,
    }
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, options, limits)
    return _postgresql(url, options, limits)


def describe(error: SQLAlchemyError) -> str:
    """Return the database's own message, without the statement: it is read-only, full, locked or gone."""
    if isinstance(error, DatabaseUnusable):
        return str(error)
    return f"{type(error).__name__}: {error.orig if isinstance(error, DBAPIError) else error}"


def is_in_transaction(connection: Connection) -> bool:
    """Tell whether SQLite still has the transaction, which it rolls back by itself after errors such as a full disk."""
    sqlite: Any = connection.connection.dbapi_connection
    return bool(sqlite.in_transaction)


def _sqlite(url: URL, options: dict[str, Any], limits: TimeLimits) -> Engine:
    # A connection of the pool is used by many threads, but never by two at once.
    arguments = {"check_same_thread": False, "timeout": limits.lock_seconds}
    engine = sa.create_engine(url, **options, connect_args=arguments)
    sa.event.listen(engine, "do_connect", _create_privately)
    sa.event.listen(engine, "connect", _configure_sqlite)
    return engine


def _create_privately(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> None:
    """Create the file, if it is missing, for this account alone. SQLite gives its -wal and -shm the same mode."""
    if options.get("uri"):
        return
    file = Path(arguments[0])
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
    except FileExistsError as error:
        if file.is_dir():
            raise DatabaseUnusable(f"{file} is a folder, and has to be a file") from error
    except FileNotFoundError as error:
        raise DatabaseUnusable(f"the folder {file.parent} does not exist") from error
    except OSError as error:
        # SQLite would only say that it is unable to open the file.
        reason = os.strerror(error.errno or 0).lower()
        raise DatabaseUnusable(
            f"the file {file.name} can't be created in the folder {file.parent}: {reason}"
        ) from error


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
        # An index made for one statement means reading the whole table.
        "automatic_index=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")
    # The name that it has on PostgreSQL. SQLite runs in this process, so this is the database's time.
    connection.create_function("clock_timestamp", 0, _clock_timestamp)


def _clock_timestamp() -> str:
    """Return the time in UTC, as SQLAlchemy writes it for SQLite."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _postgresql(url: URL, options: dict[str, Any], limits: TimeLimits) -> Engine:
    """Return an engine that works as well through a pooler, such as PgBouncer, in transaction mode.

    There each transaction may get another connection to the server. So nothing may be left on it: no prepared
    statement, and no setting of the session. A pooler refuses settings in ``options`` when a client connects.
    """
    arguments: dict[str, Any] = {
        "connect_timeout": 3,
        # A network that drops packets must not block a thread for the 15 minutes that TCP allows.
        "tcp_user_timeout": 5000,
    }
    # What the address says is the operator's wish.
    arguments = {name: value for name, value in arguments.items() if name not in url.query}
    # Until it is known whether there is a pooler.
    arguments["prepare_threshold"] = None
    settings = _time_outs(url, limits)

    def configure(connection: Any, record: Any) -> None:
        connection.set_autocommit(True)
        has_pooler = _server_pid(connection) != connection.info.backend_pid
        record.info[LOCAL_SETTINGS] = "; ".join(f"SET LOCAL {setting}" for setting in settings) if has_pooler else ""
        if not has_pooler:
            connection.execute("; ".join(f"SET {setting}" for setting in settings))
            connection.prepare_threshold = PREPARE_THRESHOLD
        connection.set_autocommit(False)

    engine = sa.create_engine(url, **options, connect_args=arguments)
    sa.event.listen(engine, "connect", configure)
    sa.event.listen(engine, "checkin", _note_use)
    sa.event.listen(engine, "checkout", partial(_require_life, engine.dialect))
    return engine


def _note_use(_connection: object, record: Any) -> None:
    record.info[_USED_AT] = time.monotonic()


def _require_life(dialect: sa.Dialect, connection: Any, record: Any, _fairy: object) -> None:
    """Have the pool replace its connections if this one has ended.

    A server that stops says so, which is seen here. Only a connection that was idle for longer may have ended without
    a word, so then the server is asked, which is a round trip.
    """
    idle_seconds = time.monotonic() - record.info.get(_USED_AT, time.monotonic())
    if idle_seconds < ASK_AFTER_SECONDS and not _has_received(connection):
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


def _has_received(connection: Any) -> bool:
    """Tell whether something has arrived that nobody asked for: most often that the server is stopping."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _server_pid(connection: Any) -> int:
    """Return the process that serves a connection. A pooler gives its clients another number."""
    pid: int = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
    return pid


def _time_outs(url: URL, limits: TimeLimits) -> list[str]:
    """Return the settings of PostgreSQL for these limits; those that the address gives in ``options`` come first."""
    milliseconds = {
        "lock_timeout": str(int(limits.lock_seconds * 1000)),
        "statement_timeout": str(int(limits.statement_seconds * 1000)),
    }
    given = url.query.get("options", "")
    for match in _SERVER_OPTION.finditer(given if isinstance(given, str) else " ".join(given)):
        if (name := match["name"].replace("-", "_")) in milliseconds:
            milliseconds[name] = match["value"]
    return [f"{name} = '{value}'" for name, value in milliseconds.items()]
