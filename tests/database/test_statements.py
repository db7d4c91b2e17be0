"""Statements that the driver executes convert values and raise errors as SQLAlchemy does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from portal.database.clearing import delete_some
from portal.database.database import Database
from portal.database.statements import Statement
from portal.database.used_tokens import used_tokens
from tests.harness.timing import is_soon

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
ADD = Statement(used_tokens.insert().inline(), used_tokens.c.keys())
FIND = Statement(
    sa.select(used_tokens.c.expires_at, used_tokens.c.token_hash == "a").where(
        used_tokens.c.expires_at > NOON - timedelta(hours=1), used_tokens.c.token_hash == sa.bindparam("wanted")
    )
)


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    """Either database, with one used token."""
    database = Database(any_database_url)
    with database.write() as connection:
        in_tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
        ADD.execute(connection, {"token_hash": "a", "expires_at": in_tokyo, "other": "ignored"})
    yield database
    database.dispose()


def test_values_are_those_that_sqlalchemy_reads_and_writes(database: Database) -> None:
    with database.read() as connection:
        assert FIND.one(connection, {"wanted": "a"}) == (NOON, True)
        assert FIND.one_or_none(connection, {"wanted": "b"}) is None
        assert connection.execute(sa.select(used_tokens)).one() == ("a", NOON)


def test_an_error_is_sqlalchemys_and_shows_no_value(database: Database) -> None:
    with pytest.raises(IntegrityError) as raised, database.write() as connection:
        ADD.execute(connection, {"token_hash": "a", "expires_at": NOON})
    assert "INSERT INTO used_tokens" in str(raised.value)
    assert "2026" not in str(raised.value)
    # The transaction was rolled back, and the connection is of use.
    with database.write() as connection:
        assert connection.execute(delete_some(used_tokens, sa.true())).rowcount == 1


def test_an_error_of_a_later_row_is_sqlalchemys_too(sqlite_url: str) -> None:
    def fail_later(text: str) -> str:
        if text == "b":
            raise LookupError
        return text

    database = Database(sqlite_url)
    rows = sa.union_all(sa.select(sa.literal("a").label("text")), sa.select(sa.literal("b"))).subquery()
    read = Statement(sa.select(sa.func.fail_later(rows.c.text)))
    with database.read() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.create_function("fail_later", 1, fail_later)
        with pytest.raises(OperationalError, match="user-defined function"):
            read.one_or_none(connection, {})
    database.dispose()


def test_a_connection_that_was_lost_is_not_used_again(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with pytest.raises(DBAPIError) as raised:
        _find_after_the_server_has_ended_it(database)
    assert raised.value.connection_invalidated
    with database.read() as connection:
        assert FIND.one_or_none(connection, {"wanted": "a"}) is None
    database.dispose()


def _find_after_the_server_has_ended_it(database: Database) -> None:
    with database.read() as other, database.write() as connection:
        pid = connection.connection.dbapi_connection.info.backend_pid  # type: ignore[union-attr]
        other.execute(sa.select(sa.func.pg_terminate_backend(pid)))
        of_pid = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        assert is_soon(lambda: other.execute(of_pid, {"pid": pid}).scalar() == 0, 5, every=0.005)
        FIND.one_or_none(connection, {"wanted": "a"})
