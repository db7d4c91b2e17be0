"""The ledger: an append-only record of every attempt and its outcome. Rows are only ever added."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
import structlog
from limits import RateLimitItem
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import Database, describe
from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import OUTCOMES, Action
from portal.ledger.attempts import Attempt, Begun, Entry, Joined, Limited
from portal.ledger.limits import Limit, blocked_until
from portal.ledger.rows import ENTRY_COLUMNS, entry_of, row_of, sign
from portal.ledger.tables import ledger, pending, told
from portal.settings.keys import Keyring

log = structlog.get_logger("portal.ledger")

# Arguments: the connection of the transaction; the columns of the row; the hashes that rows of any age may hold for the
# address; the database's time, UTC; and when the attempt was made, UTC.
OutcomeHook = Callable[[Connection, Mapping[str, Any], Sequence[str], datetime, datetime], None]


class Ledger:
    """The record of attempts, on one database.

    Args:
        database: where it is.
        keyring: signs the rows, and hashes addresses and PINs.
        on_outcome: called in the transaction that writes an outcome, before the row is added.
        on_failure: called when a row could not be written.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        *,
        on_outcome: OutcomeHook | None = None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self.keyring = keyring
        self._database = database
        self._on_outcome = on_outcome
        self._on_failure = on_failure

    def begin(
        self,
        attempt: Attempt,
        limits: tuple[Limit, ...] = (),
        *,
        limited_outcome: str = "too_many",
        join_within: timedelta | None = None,
    ) -> Begun | Joined | Limited:
        """Look for the same attempt under way, judge the limits, and write the attempt, in one transaction.

        Args:
            attempt: what is about to be tried.
            limits: locked in this order, so that two attempts never wait for each other.
            limited_outcome: what the ledger says of an attempt that a limit stops.
            join_within: how young an attempt of the same consumer and PIN must be to be waited for.

        Raises:
            LedgerUnavailable: nothing was written; Zype must not be asked.
        """
        try:
            return self._begin(attempt, limits, limited_outcome, join_within)
        except SQLAlchemyError as error:
            log.error("ledger_failed", attempt_id=attempt.id, action=attempt.action, why=describe(error))
            self._on_failure()
            raise LedgerUnavailable("the attempt could not be written") from error

    def _begin(
        self, attempt: Attempt, limits: tuple[Limit, ...], limited_outcome: str, join_within: timedelta | None
    ) -> Begun | Joined | Limited:
        row = row_of(attempt, self.keyring)
        locks = [sha256(limit.lock_name(row).encode()).digest() for limit in limits]
        with self._database.write() as connection:
            self._database.lock(connection, locks)
            now = self._database.now(connection)
            if join_within and (twin := _twin(connection, row, now - join_within)):
                return Joined(twin)
            until = blocked_until(connection, row, limits, now)
            if until:
                self._append(connection, [row, row | {"outcome": limited_outcome}], now)
                return Limited((until - now).total_seconds())
            self._append(connection, [row], now)
            connection.execute(_BEGIN, {"at": now} | {name: row[name] for name in _PENDING_COLUMNS})
        return Begun()

    def finish(
        self,
        attempt: Attempt,
        outcome: str,
        *,
        linked_device_id: str | None = None,
        consumer_id: str | None = None,
        pin_fingerprint: str | None = None,
        milliseconds: int | None = None,
        is_repeat: bool = False,
    ) -> None:
        """Write how an attempt ended.

        Where that can't be written, what Zype said stays true and is shown: the log carries the attempt's id and
        outcome, and ``audit resolve`` adds the row.

        Args:
            attempt: as it was begun.
            outcome: one of the outcomes of its action.
            linked_device_id: the TV, where only Zype's answer told which.
            consumer_id: whose account, where only Zype's answer told.
            pin_fingerprint: of the PIN, where only Zype's answer told it.
            milliseconds: how long Zype took.
            is_repeat: the outcome is an earlier attempt's, of which the viewer knows already.
        """
        row = row_of(attempt, self.keyring) | {"outcome": outcome, "zype_milliseconds": milliseconds}
        row["linked_device_id"] = linked_device_id or attempt.linked_device_id
        row["consumer_id"] = consumer_id or attempt.consumer_id
        row["pin_fingerprint"] = pin_fingerprint or attempt.pin_fingerprint
        with self._logged(attempt, outcome), self._database.write() as connection:
            now = self._database.now(connection)
            if self._on_outcome and not is_repeat:
                self._on_outcome(connection, row, self.keyring.addresses(attempt.actor.address), now, now)
            self._append(connection, [row], now)
            connection.execute(_END, {"ended": attempt.id})

    def record(self, attempt: Attempt, outcome: str) -> None:
        """Write an attempt that changed nothing at Zype, and how it ended; the log has it where that fails."""
        row = row_of(attempt, self.keyring)
        with self._logged(attempt, outcome), self._database.write() as connection:
            self._append(connection, [row, row | {"outcome": outcome}], self._database.now(connection))

    def resolve(self, attempt_id: str, outcome: str) -> None:
        """Add the outcome of an attempt that has none, as an operator found it.

        Raises:
            LookupError: there is no such attempt, it has an outcome already, or can't have this one.
            sqlalchemy.exc.SQLAlchemyError: nothing was written.
        """
        with self._database.write() as connection:
            self._database.lock(connection, [sha256(attempt_id.encode()).digest()])
            rows = connection.execute(sa.select(ledger).where(ledger.c.attempt_id == attempt_id)).mappings().all()
            if len(rows) != 1:
                raise LookupError("no attempt with this id is without an outcome")
            if outcome not in OUTCOMES[Action(rows[0]["action"])]:
                raise LookupError(f"an attempt of this kind can't end with {outcome}")
            row = {c.name: rows[0][c.name] for c in ledger.c if c.name not in _WRITTEN_LAST} | {"outcome": outcome}
            now = self._database.now(connection)
            if self._on_outcome:
                self._on_outcome(connection, row, (row["address_hash"],), now, rows[0]["at"])
            self._append(connection, [row], now)
            connection.execute(_END, {"ended": attempt_id})

    def outcome(self, attempt_id: str) -> Entry | None:
        """Return the row that says how an attempt ended, or none while there is none."""
        rows = self._entries(ledger.c.attempt_id == attempt_id, ledger.c.outcome.is_not(None), limit=1)
        return rows[0] if rows else None

    def is_undone(self, link: Entry) -> bool:
        """Tell whether a linked TV was unlinked since, by Undo or otherwise."""
        return bool(
            self._entries(
                ledger.c.consumer_id == link.consumer_id,
                ledger.c.linked_device_id == link.linked_device_id,
                ledger.c.outcome == "unlinked",
                ledger.c.id > link.id,
                limit=1,
            )
        )

    def events(self, consumer_id: str, fingerprints: Sequence[str], *, but: str) -> list[Entry]:
        """Return what happened with a PIN and a consumer, newest first; what changed nothing is left out.

        Args:
            consumer_id: whose account.
            fingerprints: of the PIN, one for each key that rows may be signed with.
            but: the id of an attempt to leave out.
        """
        return self._entries(
            ledger.c.consumer_id == consumer_id,
            ledger.c.pin_fingerprint.in_(fingerprints),
            ledger.c.attempt_id != but,
            told,
            limit=20,
        )

    def is_guessed_at(self, attempt: Attempt, items: tuple[RateLimitItem, ...]) -> bool:
        """Tell whether what somebody signs in as failed this often, from wherever.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the ledger can't be read.
        """
        limits = (Limit(("subject_hash",), items),)
        with self._database.read() as connection:
            now = self._database.now(connection)
            return blocked_until(connection, row_of(attempt, self.keyring), limits, now) is not None

    def age(self, entry: Entry) -> timedelta:
        """Return how long ago a row was written, by the database's clock."""
        with self._database.read() as connection:
            return self._database.now(connection) - entry.at

    def without_outcome(self, older_than: timedelta) -> list[Entry]:
        """Return the attempts that have no outcome and are older than this, oldest first: a crash left them."""
        end = ledger.alias("end")
        # One look at the index an attempt: PostgreSQL compares every one with every end where they come as a list.
        has_end = sa.exists().where(end.c.attempt_id == ledger.c.attempt_id, end.c.outcome.is_not(None))
        with self._database.read() as connection:
            before = self._database.now(connection) - older_than
        found = self._entries(ledger.c.outcome.is_(None), ledger.c.at < before, ~has_end, limit=1000)
        return found[::-1]

    def _entries(self, *conditions: sa.ColumnElement[bool], limit: int) -> list[Entry]:
        query = sa.select(*ENTRY_COLUMNS).where(*conditions).order_by(ledger.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [entry_of(row) for row in connection.execute(query).mappings()]

    def _append(self, connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
        signed = [sign(row, self.keyring.current, now) for row in rows]
        connection.execute(_APPEND, signed[0] if len(signed) == 1 else signed)

    @contextmanager
    def _logged(self, attempt: Attempt, outcome: str) -> Iterator[None]:
        """Turn a failure to write an outcome into a line of the log that an operator can act on."""
        try:
            yield
        except SQLAlchemyError as error:
            log.error(
                "ledger_failed", attempt_id=attempt.id, action=attempt.action, outcome=outcome, why=describe(error)
            )
            self._on_failure()


_WRITTEN_LAST = ("id", "at", "key_id", "row_hash")
_PENDING_COLUMNS = tuple(column.name for column in pending.c if column.name != "at")
_APPEND = ledger.insert()
_BEGIN = pending.insert()
_END = pending.delete().where(pending.c.attempt_id == sa.bindparam("ended"))
_TWIN_COLUMNS = ("action", "consumer_id", "pin_fingerprint", "linked_device_id")
_TWIN = sa.select(pending.c.attempt_id).where(
    pending.c.at > sa.bindparam("since"),
    # Of a TV that is unlinked no PIN is known here, and of one that is linked no device.
    *(pending.c[name].is_not_distinct_from(sa.bindparam(name)) for name in _TWIN_COLUMNS),
)


def _twin(connection: Connection, row: Mapping[str, Any], since: datetime) -> str | None:
    """Return the id of an attempt under way with the same consumer and PIN or TV."""
    values = {name: row[name] for name in _TWIN_COLUMNS} | {"since": since}
    twin: str | None = connection.execute(_TWIN, values).scalar()
    return twin
