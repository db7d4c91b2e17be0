"""Units of work on connections of a pool: what each does before its block and after it.

They are classes, since a generator for each of these steps takes several times as long.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from sqlalchemy.engine import Connection, Engine

from portal.database.engine import LOCAL_SETTINGS, DatabaseLocked
from portal.database.statements import execute, failure
from portal.database.turns import Turns


class Reading(AbstractContextManager[Connection]):
    """A connection to read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Connection:
        self._connection = self._engine.connect()
        try:
            self._begin()
        except BaseException:
            self._connection.close()
            raise
        return self._connection

    def _begin(self) -> None:
        _begin_reading(self._connection)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()


class Transaction(Reading):
    """A connection that also writes, in a transaction that is committed at the end, or rolled back on an error."""

    def _begin(self) -> None:
        self._transaction = self._connection.begin()
        _begin_writing(self._connection)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            # This rolls back what is not committed.
            super().__exit__(kind, error, traceback)

    def _commit(self) -> None:
        try:
            self._transaction.commit()
        except BaseException:
            # Otherwise SQLAlchemy takes it for ended, and gives the connection back with it still open.
            self._transaction.rollback()
            raise


class TurnToWrite(Transaction):
    """The same, during which no other process of the portal writes.

    Args:
        turns: at the database.
        seconds: how long to wait; after that DatabaseLocked is raised.
    """

    def __init__(self, engine: Engine, turns: Turns, seconds: float) -> None:
        super().__init__(engine)
        self._turns = turns
        self._seconds = seconds

    def __enter__(self) -> Connection:
        if not self._turns.take(self._seconds):
            raise DatabaseLocked
        try:
            return super().__enter__()
        except BaseException:
            self._turns.end()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, traceback)
        finally:
            self._turns.end()


class Timed(AbstractContextManager[Connection]):
    """A unit of work, of which ``observe`` is told how many seconds it took to begin, or to be given up."""

    def __init__(self, unit: AbstractContextManager[Connection], observe: Callable[[float], None]) -> None:
        self._unit = unit
        self._observe = observe

    def __enter__(self) -> Connection:
        start = time.monotonic()
        try:
            return self._unit.__enter__()
        finally:
            self._observe(time.monotonic() - start)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._unit.__exit__(kind, error, traceback)


def _begin_reading(connection: Connection) -> None:
    """Begin a unit of work that reads, on a connection of this engine that was just opened.

    This and ``_begin_writing`` are no listeners for events of SQLAlchemy: an engine with a single one looks for
    listeners at every step of every statement, which takes as long as all that it does for one besides.
    """
    if connection.dialect.name == "sqlite":
        return
    _set_autocommit(connection, True)
    if settings := connection.info[LOCAL_SETTINGS]:
        execute(connection, f"BEGIN; {settings}")


def _begin_writing(connection: Connection) -> None:
    """Begin a unit of work that writes, on a connection whose transaction has had no statement yet."""
    if connection.dialect.name == "sqlite":
        execute(connection, "BEGIN IMMEDIATE")
        return
    # psycopg begins the transaction itself.
    _set_autocommit(connection, False)
    if settings := connection.info[LOCAL_SETTINGS]:
        execute(connection, settings)


def _set_autocommit(connection: Connection, is_on: bool) -> None:
    """Tell psycopg whether it begins transactions. SQLAlchemy would tell it again when the connection is given back."""
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.set_autocommit(is_on)
    except connection.dialect.loaded_dbapi.Error as error:
        raise failure(connection, error) from error
