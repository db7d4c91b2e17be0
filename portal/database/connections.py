"""Open connections, which units of work take and give back.

SQLAlchemy's own pool makes three objects for each time that a connection is taken, which costs 20 µs; these stay.
"""

import select
import time
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy.engine import Connection, Engine

from portal.database.engine import DatabaseUnusable

# Past that, something on the way to PostgreSQL may have forgotten an idle connection.
ASK_AFTER_SECONDS = 10.0
# How long to wait for a connection while all are in use.
WAIT_SECONDS = 30.0


class Connections:
    """The connections of an engine. What was given back last is taken first.

    So few of them are in use, which keep what they have read and prepared.

    Args:
        engine: has no pool of its own.
        limit: how many can be open at once.
    """

    def __init__(self, engine: Engine, limit: int) -> None:
        self._engine = engine
        # Each with the time since when it is idle, by a monotonic clock.
        self._idle: list[tuple[Connection, float]] = []
        # Simple queues are written in C, and semaphores in Python.
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(limit):
            self._places.put(None)

    def take(self) -> Connection:
        """Return a connection that is in no transaction.

        Raises:
            DatabaseUnusable: all of them were in use for too long.
        """
        try:
            self._places.get(timeout=WAIT_SECONDS)
        except Empty:
            raise DatabaseUnusable("all connections have been in use for too long") from None
        try:
            return self._take_idle() or self._engine.connect()
        except BaseException:
            self._places.put(None)
            raise

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for others, after a rollback of what was not committed."""
        try:
            if connection.in_transaction():
                connection.rollback()
            if connection.invalidated or connection.closed:
                connection.close()
            else:
                self._idle.append((connection, time.monotonic()))
        except BaseException:
            connection.close()
            raise
        finally:
            self._places.put(None)

    def discard(self, connection: Connection) -> None:
        """Close a connection, and with it the transaction that it is in."""
        try:
            connection.close()
        finally:
            self._places.put(None)

    def dispose(self) -> None:
        """Close all connections that are not in use."""
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def _take_idle(self) -> Connection | None:
        while self._idle:
            try:
                connection, since = self._idle.pop()
            except IndexError:
                # Another thread was faster.
                return None
            if connection.dialect.name == "sqlite" or _is_alive(connection, time.monotonic() - since):
                return connection
            connection.invalidate()
            connection.close()
        return None


def _is_alive(connection: Connection, idle_seconds: float) -> bool:
    """Tell whether PostgreSQL still has the other end of a connection.

    A server that stops says so, which is seen here. Only a connection that was idle for longer may have ended without
    a word, so then the server is asked, which is a round trip.
    """
    driver: Any = connection.connection.dbapi_connection
    if idle_seconds < ASK_AFTER_SECONDS and not _has_received(driver):
        return True
    try:
        return connection.dialect.do_ping(driver)
    except connection.dialect.loaded_dbapi.Error:
        return False


def _has_received(driver: Any) -> bool:
    """Tell whether something has arrived that nobody asked for: most often that the server is stopping."""
    if driver.closed:
        return True
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return bool(poll.poll(0))
