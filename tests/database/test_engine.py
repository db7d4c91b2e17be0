"""What each connection to PostgreSQL is set to."""

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from portal.database.database import Database
from portal.database.engine import TimeLimits
from tests.harness.sent_statements import sent
from tests.harness.timing import is_soon


def shown(database: Database, *names: str) -> list[str]:
    """Return settings of the server as a unit of work that reads, and as one that writes, finds them."""
    query = sa.select(*(sa.func.current_setting(name) for name in names))
    with database.read() as connection:
        found = connection.execute(query).one()
    with database.write() as connection:
        assert connection.execute(query).one() == found
    return [*found]


@pytest.fixture
def direct(postgresql_url: str) -> Iterator[Database]:
    """PostgreSQL without a pooler."""
    database = Database(postgresql_url, limits=TimeLimits(statement_seconds=0.1))
    yield database
    database.dispose()


def test_a_statement_that_repeats_is_prepared_on_the_server(direct: Database) -> None:
    with direct.write() as connection:
        for number in range(10):
            connection.execute(sa.select(sa.literal(number)))
        assert connection.execute(sa.text("SELECT count(*) FROM pg_prepared_statements")).scalar() == 1


def test_statements_end_at_their_time_limit(direct: Database) -> None:
    for unit_of_work in (direct.read, direct.write):
        with pytest.raises(sa.exc.OperationalError) as raised, unit_of_work() as connection:
            connection.execute(sa.select(sa.func.pg_sleep(5)))
        assert isinstance(raised.value.orig, psycopg.errors.QueryCanceled)


def test_options_in_the_address_are_kept_and_come_before_the_time_limits(postgresql_url: str) -> None:
    options = {
        "-c%20search_path=public,pg_temp": ["public,pg_temp", "3s", "5s"],
        "-c%20statement_timeout=20s": ['"$user", public', "3s", "20s"],
        "--statement-timeout=0%20-clock_timeout=70": ['"$user", public', "70ms", "0"],
    }
    for given, expected in options.items():
        database = Database(f"{postgresql_url}?options={given}&connect_timeout=9")
        assert shown(database, "search_path", "lock_timeout", "statement_timeout") == expected, given
        database.dispose()


def test_exported_options_are_kept_and_their_time_limits_are_not(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c search_path=public,pg_temp -c statement_timeout=20s")
    database = Database(postgresql_url)
    assert shown(database, "search_path", "lock_timeout", "statement_timeout") == ["public,pg_temp", "3s", "5s"]
    database.dispose()


def test_a_unit_of_work_without_a_pooler_sends_its_own_statements_alone(direct: Database) -> None:
    with sent(direct) as texts:
        direct.scalar(sa.select(sa.literal(0)))
        texts.clear()
        for unit_of_work in (direct.read, direct.write):
            with unit_of_work() as connection:
                connection.exec_driver_sql("SELECT 1")
    assert texts == ["SELECT 1", "SELECT 1", "COMMIT"]


def test_the_server_is_asked_only_about_a_connection_that_was_idle(
    direct: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = "SELECT 'mine'"
    last_query = sa.text("SELECT query FROM pg_stat_activity WHERE pid = :pid")
    with direct.read() as connection, direct.read() as other:
        pid = connection.connection.dbapi_connection.info.backend_pid

        def query_of_the_one_that_is_opened() -> str:
            with direct.read() as opened:
                assert opened.connection.dbapi_connection.info.backend_pid == pid
                return str(other.execute(last_query, {"pid": pid}).scalar_one())

        connection.exec_driver_sql(mine)
        connection.close()
        assert query_of_the_one_that_is_opened() == mine
        monkeypatch.setattr("portal.database.engine.ASK_AFTER_SECONDS", 0.0)
        assert query_of_the_one_that_is_opened() != mine


def test_a_connection_that_the_server_has_ended_is_replaced(direct: Database) -> None:
    with direct.read() as connection, direct.read() as other:
        pid = connection.connection.dbapi_connection.info.backend_pid
        connection.close()
        other.execute(sa.select(sa.func.pg_terminate_backend(pid)))
        of_pid = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        assert is_soon(lambda: other.execute(of_pid, {"pid": pid}).scalar() == 0, 5, every=0.005)
        assert direct.scalar(sa.select(sa.literal("answered"))) == "answered"
