"""Moving rows out of the ledger, past its triggers: as the owner, and in transactions so short that no link waits."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.ledger.tables import ledger

# How long a transaction should hold the database, and how long others then have it for themselves. A program that
# takes no turns and waits for SQLite looks after 1, 3, 8, 18 and 33 milliseconds.
HELD_SECONDS = 0.005
PAUSE_SECONDS = 0.025
MIN_SIZE, MAX_SIZE = 20, 400

Row = Mapping[str, Any]

_MAY_REMOVE = sa.text(
    "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = 'ledger'::regclass"
)
_ALLOW = sa.text("SELECT set_config('zype_activate.archiving', 'on', true)")
_TRIGGER = (
    sa.select(sa.column("sql", sa.Text))
    .select_from(sa.table("sqlite_master"))
    .where(sa.column("name") == "ledger_no_delete")
)


class RowsChanged(Exception):
    """A row of the ledger is not the one of the archive, or is unguarded; the text is for the operator."""


def may_remove(database: Database) -> bool:
    """Tell whether the role of the connection owns the ledger. An SQLite database belongs to whoever can write it."""
    if database.is_sqlite:
        return True
    with database.read() as connection:
        return bool(connection.execute(_MAY_REMOVE).scalar())


def remove(
    database: Database,
    rows: Iterable[Row],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Delete those of the rows that are still there, and return how many they were.

    Args:
        database: whose role owns the ledger.
        rows: with the id and the keyed hash of each; the two of an attempt follow one another.

    Raises:
        RowsChanged: a row has another keyed hash; it and the rest are still there.
        sqlalchemy.exc.SQLAlchemyError: the rest is still there.
    """
    trigger = _trigger(database)
    removed, size = 0, MIN_SIZE
    remaining: Iterator[Row] = iter(rows)
    while batch := {row["id"]: row["row_hash"] for row in islice(remaining, size)}:
        # Before the transaction, since rows don't change.
        there = _still_there(database, batch)
        with database.write() as connection:
            # Only now is the database held.
            start = clock()
            _delete(connection, there, trigger)
        held = clock() - start
        removed += len(there)
        # Both rows of an attempt leave together.
        size = max(MIN_SIZE, min(MAX_SIZE, 2 * size, int(size * HELD_SECONDS / max(held, 0.0001)))) // 2 * 2
        sleep(max(PAUSE_SECONDS, held))
    return removed


def _trigger(database: Database) -> str | None:
    """Return what makes SQLite's trigger again; None on PostgreSQL, where it lets the owner delete."""
    trigger = database.scalar(_TRIGGER) if database.is_sqlite else None
    if database.is_sqlite and trigger is None:
        raise RowsChanged("the trigger that guards the ledger is gone: run zype-activate check")
    return trigger


def _still_there(database: Database, batch: Mapping[int, str]) -> list[int]:
    """Return which of these ids the ledger has, each with its keyed hash."""
    query = sa.select(ledger.c.id, ledger.c.row_hash).where(ledger.c.id.in_(batch))
    with database.read() as connection:
        found = {row.id: row.row_hash for row in connection.execute(query)}
    for row_id, row_hash in found.items():
        if row_hash != batch[row_id]:
            raise RowsChanged(f"row {row_id} is not the one in the file: run zype-activate audit verify")
    return list(found)


def _delete(connection: Connection, ids: list[int], trigger: str | None) -> None:
    """Delete rows past the trigger; on SQLite this is what makes it again."""
    statement = ledger.delete().where(ledger.c.id.in_(ids))
    if trigger is None:
        connection.execute(_ALLOW)
        connection.execute(statement)
        return
    # Nobody else writes until this transaction ends, and if it fails the trigger was never gone.
    connection.exec_driver_sql("DROP TRIGGER ledger_no_delete")
    connection.execute(statement)
    connection.exec_driver_sql(trigger)
