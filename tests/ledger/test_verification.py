"""Verification finds what somebody with the password of the database's owner could do to the ledger."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.database.database import Database
from portal.domain.actors import Reason
from portal.domain.outcomes import Action, UnlinkOutcome
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.ledger.rows import row_of, sign
from portal.ledger.tables import ledger as table
from portal.ledger.verification import Verification
from portal.settings.keys import Keyring, LedgerKey
from tests.harness.ledger import REASON, actor, agent
from tests.ledger.conftest import on_any_database
from tests.ledger.rows import insert_rows, now, tamper, write_attempts

COLUMNS = ", ".join(column.name for column in table.c if column.name != "id")


@on_any_database
def test_an_unchanged_ledger_has_no_faults(ledger: Ledger, verification: Verification) -> None:
    write_attempts(ledger)
    report = verification.ledger()
    assert (report.checked, report.faults, report.without_outcome) == (7, [], 0)


@on_any_database
def test_a_change_of_any_column_but_the_id_is_found(
    ledger: Ledger, verification: Verification, database: Database
) -> None:
    write_attempts(ledger)
    with database.read() as connection:
        row = dict(connection.execute(sa.select(table).where(table.c.id == 2)).mappings().one())
    changes = {"at": row["at"].replace(year=2020), "zype_milliseconds": 8, "key_id": "other"}
    tamper(database)
    for column in (c.name for c in table.c if c.name != "id"):
        with database.write() as connection:
            connection.execute(table.update().where(table.c.id == 2).values(row | {column: changes.get(column, "x")}))
        fault = (
            "row 2 is signed by" if column == "key_id" else "row 2: it was changed or forged: its keyed hash is wrong"
        )
        assert any(fault in found for found in verification.ledger().faults), column
    with database.write() as connection:
        connection.execute(table.update().where(table.c.id == 2).values(row))
    assert verification.ledger().faults == []


@pytest.mark.parametrize(
    "value", ["at = 'rubbish'", "at = x'00'", "row_hash = 'ä'", "row_hash = x'00'", "reason = x'00'", "action = 7"]
)
def test_a_value_of_a_wrong_type_in_sqlite_is_a_fault_of_its_row(
    ledger: Ledger, verification: Verification, database: Database, value: str
) -> None:
    write_attempts(ledger)
    tamper(database, f"UPDATE ledger SET {value} WHERE id IN (2, 5)")  # noqa: S608 - from the list above
    assert [fault for fault in verification.ledger().faults if "forged" in fault] == [
        f"row {number}: it was changed or forged: its keyed hash is wrong" for number in (2, 5)
    ]


def test_a_row_inserted_without_the_key_is_found(
    database: Database, ledger: Ledger, verification: Verification
) -> None:
    write_attempts(ledger)
    forged = row_of(Attempt(Action.LINK, actor("mallory"), "mallory"), ledger.keyring)
    row = sign(forged, LedgerKey(b"a key of Mallory's own, of length"), now(database))
    with database.write() as connection:
        connection.execute(table.insert(), row | {"key_id": ledger.keyring.current.id})
    faults = verification.ledger().faults
    assert len(faults) == 1
    assert "changed or forged" in faults[0]


def test_the_fault_of_an_unknown_key_names_the_setting_to_change(database: Database, ledger: Ledger) -> None:
    rotated = Keyring(LedgerKey(b"the next key of the ledger of the tests"))
    ledger.begin(Attempt(Action.LINK, actor("alice"), "alice"))
    assert Verification(database, rotated).ledger().faults[0].startswith("row 1 is signed by the key ")
    write_attempts(ledger)
    faults = Verification(database, rotated).ledger().faults
    assert len(faults) == 1
    assert f"8 rows, the first of them row 1, are signed by the key {ledger.keyring.current.id}" in faults[0]
    assert "PORTAL_LEDGER_KEY_PREVIOUS" in faults[0]

    both = Keyring(rotated.current, (ledger.keyring.current,))
    write_attempts(Ledger(database, both))
    assert Verification(database, both).ledger().faults == []


def test_an_outcome_without_its_attempt_is_found(
    ledger: Ledger, verification: Verification, database: Database
) -> None:
    attempt = write_attempts(ledger)[0]
    tamper(database, "DELETE FROM ledger WHERE id = 1")
    assert verification.ledger().faults == [
        f"row 2: it is the end of attempt {attempt.id}, which has no beginning before it"
    ]


def test_copied_rows_are_found(ledger: Ledger, verification: Verification, database: Database) -> None:
    ended, _, in_flight = write_attempts(ledger)
    tamper(database, f"INSERT INTO ledger ({COLUMNS}) SELECT {COLUMNS} FROM ledger WHERE id IN (2, 5)")  # noqa: S608
    assert verification.ledger().faults == [
        f"row 8: attempt {ended.id} ends a second time",
        f"row 9: attempt {in_flight.id} begins a second time",
    ]


def test_a_copied_attempt_is_found_though_its_rows_fit(
    ledger: Ledger, verification: Verification, database: Database
) -> None:
    attempt = write_attempts(ledger)[0]
    for number in (1, 2):
        tamper(database, f"INSERT INTO ledger ({COLUMNS}) SELECT {COLUMNS} FROM ledger WHERE id = {number}")  # noqa: S608
    assert verification.ledger().faults == [
        f"row 8: attempt {attempt.id} begins a second time",
        f"row 9: attempt {attempt.id} ends a second time",
    ]


def test_an_outcome_that_does_not_fit_its_attempt_is_found(
    database: Database, ledger: Ledger, verification: Verification
) -> None:
    """Signed with the right key, as a fault of the portal's own would write it."""
    attempt = write_attempts(ledger)[2]
    row = row_of(attempt, ledger.keyring) | {"outcome": "signed_in", "consumer_id": "mallory"}
    with database.write() as connection:
        connection.execute(table.insert(), sign(row, ledger.keyring.current, database.now(connection)))
    faults = verification.ledger().faults
    assert any("can't end with signed_in" in fault for fault in faults)
    assert any("its consumer_id is not that of row 5" in fault for fault in faults)


def test_the_outcome_must_not_change_what_its_attempt_began_with(
    database: Database, ledger: Ledger, verification: Verification
) -> None:
    """Each column in an attempt of its own, signed with the right key."""
    row = row_of(Attempt(Action.UNDO, actor("alice"), "alice", "tv-1", "1" * 64, "1" * 64, REASON), ledger.keyring)
    other = row_of(
        Attempt(Action.UNLINK, agent(), "mallory", "tv-2", "2" * 64, "2" * 64, Reason("other", "T-2")), ledger.keyring
    )
    columns = sorted(name for name in row if row[name] != other[name] and name != "attempt_id")
    assert len(columns) == 11
    with database.write() as connection:
        for number, column in enumerate(columns):
            beginning = row | {"attempt_id": f"{number:032}"}
            end = beginning | {"outcome": UnlinkOutcome.UNLINKED, column: other[column]}
            for one in (beginning, end):
                connection.execute(table.insert(), sign(one, ledger.keyring.current, database.now(connection)))

    assert verification.ledger().faults == [
        f"row {2 * number}: its {column} is not that of row {2 * number - 1}, which began the attempt"
        for number, column in enumerate(columns, 1)
    ]


def test_an_outcome_must_not_add_a_reason(ledger: Ledger, verification: Verification) -> None:
    attempt = Attempt(Action.UNLINK, agent(), "alice", "tv-1")
    ledger.begin(attempt)
    ledger.finish(replace(attempt, reason=REASON), UnlinkOutcome.UNLINKED)

    assert verification.ledger().faults == [
        f"row 2: its {column} is not that of row 1, which began the attempt" for column in ("reason", "ticket")
    ]


@pytest.mark.parametrize("rows", [999, 1000, 1001, 1003])
def test_rows_are_read_to_the_last_wherever_a_chunk_ends(
    ledger: Ledger, verification: Verification, database: Database, rows: int
) -> None:
    """A chunk of a thousand may end between two attempts, or between the rows of one."""
    insert_rows(database, ledger, rows)
    report = verification.ledger()
    assert (report.checked, report.faults, report.without_outcome) == (rows, [], 0)


@on_any_database
def test_an_attempt_that_lost_its_process_is_counted_and_is_no_fault(
    ledger: Ledger, verification: Verification, database: Database
) -> None:
    write_attempts(ledger)
    row = row_of(Attempt(Action.LINK, actor("alice"), "alice"), ledger.keyring)
    with database.write() as connection:
        before = database.now(connection) - timedelta(seconds=61)
        connection.execute(table.insert(), sign(row, ledger.keyring.current, before))
    report = verification.ledger()
    assert (report.checked, report.faults, report.without_outcome) == (8, [], 1)


def test_four_thousand_rows_are_checked_in_seconds(
    ledger: Ledger, verification: Verification, database: Database
) -> None:
    insert_rows(database, ledger, 4000)
    # Of this process, so that a busy machine does not fail the test.
    started = time.process_time()
    report = verification.ledger()
    assert (report.checked, report.faults) == (4000, [])
    assert time.process_time() - started < 4
