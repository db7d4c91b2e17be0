"""A ledger with a few rows, and changes to it that its triggers would refuse."""

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.database.database import Database
from portal.domain.actors import Reason
from portal.domain.outcomes import Action, Outcome
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.ledger.rows import row_of, sign
from portal.ledger.tables import ledger as ledger_table
from tests.harness.ledger import actor

FORMULA = Reason('=HYPERLINK("http://example.com"), said "the caller"', "T-1")


def write_attempts(ledger: Ledger) -> list[Attempt]:
    """Write two attempts that ended (rows 1 to 4), one in flight (row 5), and one of Mallory's (rows 6 and 7)."""
    attempts = [Attempt(Action.LINK, actor("alice"), "alice", pin_fingerprint="1" * 64) for _ in range(3)]
    for attempt in attempts[:-1]:
        ledger.begin(attempt)
        ledger.finish(replace(attempt, linked_device_id="tv-1"), Outcome.LINKED, milliseconds=7)
    ledger.begin(attempts[-1])
    ledger.record(Attempt(Action.LINK, actor("mallory"), "mallory", reason=FORMULA), Outcome.MALFORMED)
    return attempts


def tamper(database: Database, *statements: str) -> None:
    """Drop the triggers and run statements, as the owner of the database can."""
    with database.write() as connection:
        if database.is_sqlite:
            for event in ("update", "delete", "replace"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS ledger_no_{event}")
        else:
            connection.exec_driver_sql("ALTER TABLE ledger DISABLE TRIGGER ALL")
        for statement in statements:
            connection.execute(sa.text(statement))


def now(database: Database) -> datetime:
    """Return the database's time."""
    with database.read() as connection:
        return database.now(connection)


def insert_attempt(database: Database, ledger: Ledger, attempt: Attempt, outcome: str, age: timedelta) -> None:
    """Write an attempt that began and ended so long ago."""
    at = now(database) - age
    rows = [row_of(attempt, ledger.keyring) | {"outcome": value} for value in (None, outcome)]
    with database.write() as connection:
        connection.execute(ledger_table.insert(), [sign(row, ledger.keyring.current, at) for row in rows])


def insert_rows(database: Database, ledger: Ledger, rows: int, age: timedelta = timedelta(0)) -> None:
    """Write so many rows of attempts to link, so long ago: of each the attempt and its outcome, in turn."""
    row = row_of(Attempt(Action.LINK, actor("alice"), "alice"), ledger.keyring)
    made = [row | {"attempt_id": f"{n // 2:032x}", "outcome": "linked" if n % 2 else None} for n in range(rows)]
    at = now(database) - age
    with database.write() as connection:
        connection.execute(ledger_table.insert(), [sign(one, ledger.keyring.current, at) for one in made])
