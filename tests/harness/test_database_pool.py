"""A database that a test leaves behind is given to the next one as it was made, or not at all."""

from datetime import UTC, datetime
from typing import LiteralString

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from portal.database.database import Database
from portal.ledger.tables import ledger
from tests.harness.database_pool import END_OTHER_CONNECTIONS, MOST_ROWS, DatabasePool

ROW = {
    "at": datetime(2026, 1, 1, tzinfo=UTC),
    "action": "link",
    "attempt_id": "1",
    "actor_kind": "viewer",
    "actor_id": "1",
    "request_id": "1",
    "address_hash": "1",
    "key_id": "1",
    "row_hash": "1",
}


def add_rows(url: str, count: int) -> None:
    """Write rows that the ledger's triggers keep everybody from deleting."""
    database = Database(url)
    with database.write() as connection:
        connection.execute(ledger.insert(), [ROW] * count)
    database.dispose()


def ids(url: str) -> list[int]:
    database = Database(url)
    with database.read() as connection:
        found = list(connection.execute(sa.select(ledger.c.id)).scalars())
    database.dispose()
    return found


def test_the_next_test_finds_no_rows_and_the_first_id(postgresql_databases: DatabasePool) -> None:
    with postgresql_databases.database() as first:
        add_rows(first, 2)
    with postgresql_databases.database() as second:
        assert second == first
        assert ids(second) == []
        add_rows(second, 1)
        assert ids(second) == [1]


def test_a_connection_that_is_left_open_holds_nothing_up(postgresql_databases: DatabasePool) -> None:
    with postgresql_databases.database() as first:
        connection = psycopg.connect(first.replace("+psycopg", ""))
        connection.execute("LOCK TABLE ledger")
    with postgresql_databases.database() as second:
        assert second == first
    connection.close()


def test_a_database_is_dropped_after_a_test_that_ended_every_connection(postgresql_databases: DatabasePool) -> None:
    with postgresql_databases.database() as first, psycopg.connect(first.replace("+psycopg", "")) as connection:
        connection.execute(END_OTHER_CONNECTIONS)
    with postgresql_databases.database() as second:
        assert second != first


@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER ledger_no_change ON ledger",
        "ALTER TABLE ledger DISABLE TRIGGER ALL",
        "ALTER TABLE sessions ADD COLUMN more int",
        "CREATE TABLE more (id int)",
        "GRANT SELECT ON ledger TO PUBLIC",
        "UPDATE alembic_version SET version_num = '0001'",
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        "ALTER DATABASE {} CONNECTION LIMIT 1",
    ],
)
def test_a_database_that_was_changed_is_dropped(postgresql_databases: DatabasePool, change: LiteralString) -> None:
    with postgresql_databases.database() as first, psycopg.connect(first.replace("+psycopg", "")) as connection:
        connection.execute(sql.SQL(change).format(sql.Identifier(connection.info.dbname)))
    with postgresql_databases.database() as second:
        assert second != first


def test_a_database_with_many_rows_is_dropped(postgresql_databases: DatabasePool) -> None:
    with postgresql_databases.database() as first:
        add_rows(first, MOST_ROWS + 1)
    with postgresql_databases.database() as second:
        assert second != first
