"""Units of work that write one SQLite database: one after the other, and under load several in one transaction."""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from portal.database.engine import DatabaseLocked, DatabaseUnusable, describe, is_in_transaction
from portal.database.statements import execute

# A transaction takes in so many units of work at most, and none after so long: the first of them waits for the last.
# More would not only wait longer, but also ask Zype at the same moment.
MAX_UNITS = 4
MAX_SECONDS = 0.01


class BatchLost(DatabaseUnusable):
    """Nothing of a unit of work was written, since the transaction failed that it shared with others."""


class _Unit(AbstractContextManager[Connection]):
    """A unit of work, which waits first for its place, maybe in a batch, and then for what becomes of the batch."""

    def __init__(self, batches: "Batches") -> None:
        # That of another unit of work, if this one gets its place from it.
        self.batch: _Batch | None = None
        self._batches = batches
        self._woken = threading.Lock()
        self._woken.acquire()

    def __enter__(self) -> Connection:
        self._joined = self._batches.join(self)
        try:
            self._joined.begin_unit()
        except BaseException as error:
            self._batches.leave(self._joined, self, error)
            raise
        return self._joined.connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._batches.leave(self._joined, self, error)

    def wait(self, seconds: float = -1) -> bool:
        return self._woken.acquire(timeout=seconds)

    def wake(self) -> None:
        self._woken.release()


class _Batch:
    """A transaction, and the units of work in it that have ended."""

    def __init__(self, transaction: AbstractContextManager[Connection]) -> None:
        self.connection = transaction.__enter__()
        self.ended: list[_Unit] = []
        self.error: BaseException | None = None
        self._transaction = transaction
        self._until = time.monotonic() + MAX_SECONDS

    def begin_unit(self) -> None:
        """Mark where the next unit of work begins, until COMMIT forgets the marks; all is rolled back for the first."""
        if self.ended:
            execute(self.connection, "SAVEPOINT unit_of_work")

    def end_unit(self, unit: _Unit, error: BaseException | None) -> BaseException | None:
        """Roll the unit of work back if it failed; return why the whole batch fails, if it does."""
        is_first = not self.ended
        self.ended.append(unit)
        try:
            if not is_in_transaction(self.connection):
                return error or BatchLost("SQLite has rolled back the transaction")
            if error and not is_first:
                execute(self.connection, "ROLLBACK TO unit_of_work")
        except SQLAlchemyError as failed:
            return failed
        return error if is_first else None

    def has_room(self) -> bool:
        return len(self.ended) < MAX_UNITS and time.monotonic() < self._until

    def end(self, failure: BaseException | None) -> None:
        """Commit, or roll back and raise the failure."""
        self.error = failure
        try:
            self._transaction.__exit__(type(failure) if failure else None, failure, None)
        except BaseException as error:
            self.error = error
            raise
        if failure:
            raise failure

    def wake_others(self) -> None:
        """Let the units of work know that wait for what becomes of the batch."""
        for unit in self.ended[:-1]:
            unit.wake()


class Batches:
    """The order of the threads that write. Where nobody waits behind a unit of work, it is committed at once.

    Args:
        begin: yields a connection in a transaction that has begun in so many seconds, and that ends with its block.
        lock_seconds: how long a unit of work waits for its place.
    """

    def __init__(self, begin: Callable[[float], AbstractContextManager[Connection]], lock_seconds: float) -> None:
        self._begin = begin
        self._lock_seconds = lock_seconds
        self._guard = threading.Lock()
        self._waiting: deque[_Unit] = deque()
        self._is_taken = False

    def unit(self) -> AbstractContextManager[Connection]:
        """Return a unit of work, which is committed when its block has ended.

        What the block raises is raised after the commit of the others too, whose rows it may come from.

        Raises:
            DatabaseLocked: it did not get its place in time.
            BatchLost: another unit of work of its batch, or their commit, failed and took it along.
        """
        return _Unit(self)

    def join(self, unit: _Unit) -> _Batch:
        """Wait for the place of a unit of work, and return the batch that it is in, or a new one."""
        end = time.monotonic() + self._lock_seconds
        self._wait_for_place(unit)
        if unit.batch:
            return unit.batch
        try:
            return _Batch(self._begin(end - time.monotonic()))
        except BaseException:
            self._give_place(None)
            raise

    def _wait_for_place(self, unit: _Unit) -> None:
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return
            self._waiting.append(unit)
        if unit.wait(self._lock_seconds):
            return
        with self._guard:
            if unit in self._waiting:
                self._waiting.remove(unit)
                raise DatabaseLocked
        # It was given its place at the last moment.
        unit.wait()

    def _give_place(self, batch: _Batch | None) -> bool:
        """Give the place to who has waited longest, in this batch or to begin one; tell whether somebody did."""
        with self._guard:
            self._is_taken = bool(self._waiting) or batch is not None
            if not self._waiting:
                return False
            unit = self._waiting.popleft()
        unit.batch = batch
        unit.wake()
        return True

    def _end(self, batch: _Batch, failure: BaseException | None) -> None:
        try:
            batch.end(failure)
        finally:
            self._give_place(None)
            batch.wake_others()

    def leave(self, batch: _Batch, unit: _Unit, error: BaseException | None) -> None:
        """End a unit of work: commit, or let the next one in and wait until it has committed."""
        failure = batch.end_unit(unit, error)
        if failure or not batch.has_room() or not self._give_place(batch):
            self._end(batch, failure)
            return
        unit.wait()
        if why := batch.error:
            # The error itself stays with the request that made it.
            raise BatchLost(describe(why) if isinstance(why, SQLAlchemyError) else type(why).__name__)
