"""Connections are kept for the next unit of work, as many as there may be, and without anything of the last one."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import MORE_CONNECTIONS, Database
from portal.database.engine import DatabaseUnusable
from portal.database.used_tokens import used_tokens

DELETE = used_tokens.delete()


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    """Either database, with few connections."""
    database = Database(any_database_url, connections=1)
    yield database
    database.dispose()


def execute_and_fail(connection: Connection) -> None:
    connection.execute(sa.text("SELECT 1"))
    raise LookupError


def insert_a_row_that_names_none(connection: Connection) -> None:
    """Insert what the database refuses only when it is committed."""
    columns = "id INTEGER PRIMARY KEY, other INTEGER REFERENCES rows DEFERRABLE INITIALLY DEFERRED"
    connection.execute(sa.text(f"CREATE TABLE rows ({columns})"))
    connection.execute(sa.text("INSERT INTO rows VALUES (1, 2)"))


def driver(database: Database) -> object:
    with database.read() as connection:
        return connection.connection.dbapi_connection


def test_what_was_given_back_last_is_taken_first(database: Database) -> None:
    with database.read() as outer:
        last = outer.connection.dbapi_connection
        assert driver(database) is not last
    assert driver(database) is driver(database) is last


def test_no_more_are_open_than_there_may_be(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.database.connections.WAIT_SECONDS", 0.0)
    for _ in range(2):
        with ExitStack() as stack:
            for _ in range(1 + MORE_CONNECTIONS):
                stack.enter_context(database.read())
            with pytest.raises(DatabaseUnusable, match="in use for too long"):
                stack.enter_context(database.read())


def test_one_whose_unit_of_work_failed_is_of_use(database: Database) -> None:
    for unit_of_work in (database.read, database.write):
        with pytest.raises(SQLAlchemyError), unit_of_work() as connection:
            connection.execute(sa.text("SELECT nothing"))
        with pytest.raises(LookupError), unit_of_work() as connection:
            execute_and_fail(connection)
    assert database.change(DELETE) == 0


def test_one_whose_commit_failed_is_not_used_again(database: Database) -> None:
    used = driver(database)
    with pytest.raises(SQLAlchemyError, match=r"(?i)foreign key"), database.write() as connection:
        insert_a_row_that_names_none(connection)
    assert driver(database) is not used
    assert database.change(DELETE) == 0
