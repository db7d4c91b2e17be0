"""The ledger: an append-only record of every attempt and its outcome. Rows are only ever added."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import Database
from portal.database.engine import describe
from portal.database.statements import Statement
from portal.domain.actors import OPERATOR, Actor, Reason
from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import OUTCOMES, Action, ChangeOutcome, Outcome
from portal.ledger.attempts import Attempt, Begun, InFlight, RateLimited, Repeated
from portal.ledger.blocking import Blocked, blocked, has_authenticated, has_row
from portal.ledger.earlier_attempts import earlier_attempt
from portal.ledger.first_look import is_clear
from portal.ledger.limits import Limit
from portal.ledger.rows import row_of, sign
from portal.ledger.tables import ledger, pending
from portal.settings.keys import Keyring

log = structlog.get_logger("portal.ledger")

# Arguments: the connection of the transaction; the columns of the row; the hashes that rows of any age may have for the
# address; the database's time, UTC; and when the attempt was made, UTC.
OutcomeHook = Callable[[Connection, Mapping[str, Any], Sequence[str], datetime, datetime], None]


class Ledger:
    """Writes the record of attempts; History reads it.

    Args:
        database: where the ledger is.
        keyring: signs the rows, and hashes addresses and PINs.
        on_outcome: called in the transaction that writes an outcome, before the row is added.
        on_failure: called when a row could not be written.
        on_stop: called with the action and the kind of actor of each attempt that a limit stopped.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        *,
        on_outcome: OutcomeHook | None = None,
        on_failure: Callable[[], None] = lambda: None,
        on_stop: Callable[[str, str], None] = lambda action, actor: None,
    ) -> None:
        self.keyring = keyring
        self._database = database
        self._on_outcome = on_outcome
        self._on_failure = on_failure
        self._on_stop = on_stop

    def begin(
        self,
        attempt: Attempt,
        limits: tuple[Limit, ...] = (),
        *,
        join_within: timedelta | None = None,
        slow_past: Limit | None = None,
    ) -> Begun | InFlight | Repeated | RateLimited:
        """In one transaction look for the same attempt, check the limits, and write the attempt.

        Args:
            attempt: what is about to be tried.
            limits: locked in this order, which has to be the same everywhere so that no deadlock is possible.
            join_within: how young an attempt for the same consumer and PIN or TV must be to be waited for; without it,
                no earlier attempt is looked for.
            slow_past: a limit past which the attempt goes on, but slowly, unless its subject has signed in from this
                address before.

        Raises:
            LedgerUnavailable: nothing was written; Zype must not be called.
        """
        row = row_of(attempt, self.keyring)
        limits = tuple(limit for limit in limits if limit.applies_to(row))
        locked = limits if slow_past is None else (*limits, slow_past)
        try:
            with self._database.write() as connection:
                now = self._database.lock(connection, (limit.lock_name(row) for limit in locked))
                if not is_clear(connection, row, limits, join_within, now):
                    same = earlier_attempt(connection, row, join_within, now) if join_within else None
                    if same:
                        return same
                    if reached := blocked(connection, row, limits, now):
                        return self._stop(connection, row, reached, now)
                is_slow = slow_past is not None and self._is_slow(connection, attempt, row, slow_past, now)
                self._append_pending(connection, row, now)
                return Begun(is_slow)
        except SQLAlchemyError as error:
            log.error("ledger_failed", attempt_id=attempt.id, action=attempt.action, why=describe(error))
            self._on_failure()
            raise LedgerUnavailable("the attempt could not be written") from error

    def _is_slow(
        self, connection: Connection, attempt: Attempt, row: Mapping[str, Any], slow_past: Limit, now: datetime
    ) -> bool:
        if not blocked(connection, row, (slow_past,), now):
            return False
        addresses = self.keyring.addresses(attempt.actor.address)
        return not has_authenticated(connection, attempt.subject_hash, addresses)

    def _stop(self, connection: Connection, row: dict[str, Any], reached: Blocked, now: datetime) -> RateLimited:
        """Write an attempt that a limit stops, if it is the first in the window of that limit, and count it."""
        if not has_row(connection, row, reached, now):
            self._append(connection, [row, row | {"outcome": Outcome.TOO_MANY}], now)
        self._on_stop(row["action"], row["actor_kind"])
        return RateLimited((reached.until - now).total_seconds())

    def finish(
        self, attempt: Attempt, outcome: str, *, milliseconds: int | None = None, is_repeat: bool = False
    ) -> None:
        """Write the outcome of an attempt.

        If that fails, Zype's answer is true and shown all the same: the log has the attempt's id and outcome, and
        ``audit resolve`` adds the row.

        Args:
            attempt: as it was begun; what only Zype's answer contained may be filled in.
            milliseconds: how long Zype took.
            is_repeat: the outcome is that of an earlier attempt, so ``on_outcome`` is not called again.
        """
        row = row_of(attempt, self.keyring) | {"outcome": outcome, "zype_milliseconds": milliseconds}
        with self._log_failure(attempt, outcome), self._database.write() as connection:
            now = self._database.now(connection)
            if self._on_outcome and not is_repeat:
                self._on_outcome(connection, row, self.keyring.addresses(attempt.actor.address), now, now)
            self._append_end(connection, row, now)

    def record(self, attempt: Attempt, outcome: str, at_most: Limit | None = None) -> None:
        """Write an attempt that needed no call to Zype, with its outcome; if that fails, the log has both.

        Past the limit ``at_most`` nothing is written: such an attempt has changed nothing, and is only counted.
        """
        row = row_of(attempt, self.keyring)
        with self._log_failure(attempt, outcome), self._database.write() as connection:
            now = self._database.lock(connection, [at_most.lock_name(row)] if at_most else [])
            if at_most and blocked(connection, row, (at_most,), now):
                self._on_stop(row["action"], row["actor_kind"])
            else:
                self._append(connection, [row, row | {"outcome": outcome}], now)

    def record_change(
        self,
        connection: Connection,
        attempt: Attempt,
        outcome: ChangeOutcome = ChangeOutcome.DONE,
        *,
        concerns_viewer: bool = False,
    ) -> None:
        """Write an attempt and its outcome in the transaction that makes the change, so that neither is there alone.

        Args:
            connection: of the unit of work that makes the change.
            attempt: whose reason names what was changed, such as the id of an account.
            outcome: of what was done.
            concerns_viewer: something was done for a viewer, so ``on_outcome`` is called, as ``finish`` does.
        """
        row, now = row_of(attempt, self.keyring), self._database.now(connection)
        ended = row | {"outcome": outcome}
        if self._on_outcome and concerns_viewer:
            self._on_outcome(connection, ended, self.keyring.addresses(attempt.actor.address), now, now)
        self._append(connection, [row, ended], now)

    def begin_change(self, connection: Connection, attempt: Attempt) -> None:
        """Write an attempt without its outcome in the caller's transaction: the change takes several of them."""
        self._append_pending(connection, row_of(attempt, self.keyring), self._database.now(connection))

    def finish_change(self, connection: Connection, attempt_id: str, outcome: str) -> None:
        """Write the outcome of an attempt that ``begin_change`` began, by whomever, in the caller's transaction.

        Raises LookupError if there is no such attempt, or it has an outcome already.
        """
        begun = self._without_outcome(connection, attempt_id)
        self._append_end(connection, _end_of(begun, outcome), self._database.now(connection))

    def resolve(self, attempt_id: str, outcome: str, actor: Actor = OPERATOR) -> None:
        """Add the outcome of an attempt that has none, as an operator found it, and the record of who added it.

        Raises:
            LookupError: there is no such attempt, it has an outcome already, or can't have this one.
            sqlalchemy.exc.SQLAlchemyError: nothing was written.
        """
        with self._database.write() as connection:
            begun = self._without_outcome(connection, attempt_id)
            if begun["action"] == Action.ARCHIVE:
                raise LookupError("an archive ends by itself when audit archive has been run again")
            if outcome not in OUTCOMES[Action(begun["action"])]:
                raise LookupError(f"an attempt of this kind can't end with {outcome}")
            now = self._database.now(connection)
            ended = _end_of(begun, outcome)
            if self._on_outcome:
                self._on_outcome(connection, ended, (begun["address_hash"],), now, begun["at"])
            self._append_end(connection, ended, now)
            reason = Reason(f"{attempt_id}: {outcome}")
            self.record_change(connection, Attempt(Action.RESOLVE, actor, begun["consumer_id"], reason=reason))

    def _without_outcome(self, connection: Connection, attempt_id: str) -> Mapping[str, Any]:
        """Return the one row of an attempt, and let nobody else end it in this transaction; or raise LookupError."""
        self._database.lock(connection, [attempt_id])
        rows = connection.execute(sa.select(ledger).where(ledger.c.attempt_id == attempt_id)).mappings().all()
        if len(rows) != 1:
            raise LookupError("no attempt with this id is without an outcome")
        return dict(rows[0])

    def _append_pending(self, connection: Connection, row: Mapping[str, Any], now: datetime) -> None:
        self._append(connection, [row], now)
        _ADD_PENDING.execute(connection, {**row, "at": now})

    def _append_end(self, connection: Connection, row: Mapping[str, Any], now: datetime) -> None:
        self._append(connection, [row], now)
        _REMOVE_PENDING.execute(connection, {"ended": row["attempt_id"]})

    def _append(self, connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
        for row in rows:
            _APPEND.execute(connection, sign(row, self.keyring.current, now))

    @contextmanager
    def _log_failure(self, attempt: Attempt, outcome: str) -> Iterator[None]:
        """Turn a failure to write an outcome into a log line with what an operator needs to add it."""
        try:
            yield
        except SQLAlchemyError as error:
            cause = describe(error)
            log.error("ledger_failed", attempt_id=attempt.id, action=attempt.action, outcome=outcome, why=cause)
            self._on_failure()


def _end_of(begun: Mapping[str, Any], outcome: str) -> dict[str, Any]:
    return {name: value for name, value in begun.items() if name not in _SET_ON_APPEND} | {"outcome": outcome}


_SET_ON_APPEND = ("id", "at", "key_id", "row_hash")
# Without asking for the id of the new row, which nobody needs.
_APPEND = Statement(ledger.insert().inline(), [column.name for column in ledger.c if column.name != "id"])
_ADD_PENDING = Statement(pending.insert().inline(), pending.c.keys())
_REMOVE_PENDING = Statement(pending.delete().where(pending.c.attempt_id == sa.bindparam("ended")))
