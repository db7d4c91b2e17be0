"""The ledger writes attempts and outcomes, and the database itself refuses to change a row."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from portal.database.database import Database
from portal.database.schema import metadata
from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import Attempt, Begun
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.partial_indexes import PARTIAL_INDEXES
from portal.ledger.rows import canonical
from portal.ledger.tables import ledger as table
from portal.ledger.tables import pending
from portal.ledger.verification import Verification
from portal.settings.keys import LedgerKey, Purpose
from tests.harness.ledger import ALICE, actor
from tests.ledger.conftest import on_any_database


def attempt(fingerprint: str = "f" * 64) -> Attempt:
    return Attempt(Action.LINK, actor(), ALICE, pin_fingerprint=fingerprint)


def rows(database: Database) -> list[sa.RowMapping]:
    with database.read() as connection:
        return list(connection.execute(sa.select(table).order_by(table.c.id)).mappings())


@on_any_database
def test_the_attempt_is_written_before_the_outcome(ledger: Ledger, database: Database) -> None:
    tried = attempt()

    assert ledger.begin(tried) == Begun()
    assert [row["outcome"] for row in rows(database)] == [None]

    ledger.finish(replace(tried, linked_device_id="tv-1"), "linked", milliseconds=12)
    before, after = rows(database)
    assert (after["outcome"], after["linked_device_id"], after["zype_milliseconds"]) == ("linked", "tv-1", 12)
    assert before["attempt_id"] == after["attempt_id"] == tried.id
    assert before["at"] <= after["at"]


def test_no_address_is_stored_in_the_clear(ledger: Ledger, database: Database) -> None:
    ledger.begin(attempt())

    assert "192.0.2.1" not in str([dict(row) for row in rows(database)])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET outcome = 'linked'",
        "DELETE FROM ledger",
        "UPDATE ledger SET id = id WHERE id < 0 OR id > 0",
    ],
)
@on_any_database
def test_the_database_refuses_to_change_a_row(ledger: Ledger, database: Database, statement: str) -> None:
    ledger.begin(attempt())
    before = rows(database)

    with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
        connection.execute(sa.text(statement))

    assert rows(database) == before


@on_any_database
def test_the_database_refuses_to_replace_or_truncate(ledger: Ledger, database: Database) -> None:
    ledger.begin(attempt())
    statement = "REPLACE INTO ledger SELECT * FROM ledger" if database.is_sqlite else "TRUNCATE ledger"

    with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
        connection.execute(sa.text(statement))

    assert len(rows(database)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "REPLACE INTO ledger SELECT * FROM ledger",
        "INSERT OR REPLACE INTO ledger SELECT * FROM ledger",
        "INSERT INTO ledger SELECT * FROM ledger WHERE true ON CONFLICT (id) DO UPDATE SET outcome = 'linked'",
        "UPDATE OR REPLACE ledger SET outcome = 'linked'",
    ],
)
def test_sqlite_refuses_to_replace_a_row_for_any_client(ledger: Ledger, database: Database, statement: str) -> None:
    ledger.begin(attempt())
    before = rows(database)

    with database.read() as connection:
        # The default of other clients: REPLACE then deletes rows without firing a trigger.
        connection.execute(sa.text("PRAGMA recursive_triggers=OFF"))
        with pytest.raises(DBAPIError, match="append-only"):
            connection.execute(sa.text(statement))

    assert rows(database) == before
    ledger.begin(attempt())


def test_every_column_is_part_of_the_signature(ledger: Ledger, database: Database) -> None:
    ledger.begin(attempt())
    row = dict(rows(database)[0])
    key = LedgerKey(b"a key for the ledger of the tests")

    assert row["key_id"] == key.id
    assert row["row_hash"] == key.digest(Purpose.LEDGER_ROW, canonical(row))
    for name in set(row) - {"id", "row_hash", "at"}:
        forged = row | {name: "forged"}
        assert key.digest(Purpose.LEDGER_ROW, canonical(forged)) != row["row_hash"], name
    later = row | {"at": row["at"] + timedelta(microseconds=1)}
    assert key.digest(Purpose.LEDGER_ROW, canonical(later)) != row["row_hash"]


@on_any_database
def test_an_attempt_that_lost_its_process_is_found_and_resolved(
    ledger: Ledger, history: History, database: Database
) -> None:
    ended, lost = attempt("a" * 64), attempt("b" * 64)
    ledger.begin(ended)
    ledger.finish(ended, "not_found")
    ledger.begin(lost)

    assert [entry.attempt_id for entry in history.without_outcome(timedelta(0))] == [lost.id]
    assert history.without_outcome(timedelta(hours=1)) == []

    ledger.resolve(lost.id, "unknown", Actor(ActorKind.OPERATOR, "bob", "", "command-line"))
    assert history.without_outcome(timedelta(0)) == []
    [newest, *_] = history.page(AttemptFilter()).attempts
    assert (newest.action, newest.outcome, newest.actor_kind, newest.actor_id) == ("resolve", "done", "operator", "bob")
    assert (newest.reason, newest.consumer_id) == (f"{lost.id}: unknown", lost.consumer_id)
    assert Verification(database, ledger.keyring).ledger().faults == []
    with database.read() as connection:
        assert connection.execute(sa.select(pending)).all() == []


@pytest.mark.parametrize("state", ["ended", "never begun"])
def test_only_an_attempt_without_an_outcome_is_resolved(ledger: Ledger, state: str) -> None:
    tried = attempt()
    if state == "ended":
        ledger.begin(tried)
        ledger.finish(tried, "linked")

    with pytest.raises(LookupError):
        ledger.resolve(tried.id, "not_found")


@on_any_database
def test_the_migrations_make_the_schema_of_the_code(database: Database) -> None:
    # What imports them adds them to the table.
    assert set(PARTIAL_INDEXES) < table.indexes
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@on_any_database
def test_a_transaction_that_fails_writes_nothing(ledger: Ledger, database: Database) -> None:
    with pytest.raises(SQLAlchemyError), database.write() as connection:
        connection.execute(sa.text("INSERT INTO pending (attempt_id) VALUES ('half')"))

    with database.read() as connection:
        assert connection.execute(sa.select(pending)).all() == []
