"""Each migration only adds, so that portals of the version before serve on while one after the other is upgraded."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from portal.database.migration import MIGRATIONS
from tests.harness.cases import each

# With the first there was nothing before.
FIRST = "0001"
Columns = dict[str, dict[str, Any]]


def schema_of(connection: sa.Connection) -> dict[str, Columns]:
    """Return the columns of each table by name."""
    inspector = sa.inspect(connection)
    return {
        table: {str(column["name"]): dict(column) for column in inspector.get_columns(table)}
        for table in inspector.get_table_names()
    }


def unique_in(connection: sa.Connection) -> set[tuple[str, tuple[str | None, ...]]]:
    """Return what is unique, as a table and columns of it."""
    inspector = sa.inspect(connection)
    return {
        (table, tuple(index["column_names"]))
        for table in inspector.get_table_names()
        for index in inspector.get_indexes(table)
        if index["unique"]
    }


def faults_of(connection: sa.Connection, migrate: Callable[[], None]) -> list[str]:
    """Run a migration, and return what code that knows only the schema before it could not bear."""
    before, unique = schema_of(connection), unique_in(connection)
    migrate()
    after = schema_of(connection)
    found = [f"{table} is gone" for table in before.keys() - after.keys()]
    for table in before.keys() & after.keys():
        old, new = before[table], after[table]
        found += [f"{table}.{name} is gone" for name in old.keys() - new.keys()]
        found += [
            f"{table}.{name} has another type"
            for name in old.keys() & new.keys()
            if _type(old, name) != _type(new, name)
        ]
        found += [
            f"{table}.{name} has to be given"
            for name, column in new.items()
            if not column["nullable"] and column["default"] is None and old.get(name, {"nullable": True})["nullable"]
        ]
    found += [
        f"{table} has to be unique in {columns}"
        for table, columns in unique_in(connection) - unique
        if table in before and before[table].keys() >= set(columns)
    ]
    return found


def _type(columns: Columns, name: str) -> str:
    return str(columns[name]["type"])


def test_each_migration_only_adds_what_may_be_left_out() -> None:
    scripts = reversed([*ScriptDirectory(str(MIGRATIONS)).walk_revisions()])
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        for script in scripts:
            found = faults_of(connection, script.module.upgrade)
            assert found == [] or script.revision == FIRST, script.revision
    engine.dispose()


@each(
    "statement, fault",
    [
        ("DROP TABLE sessions", "sessions is gone"),
        ("ALTER TABLE sessions DROP COLUMN name", "sessions.name is gone"),
        ("ALTER TABLE sessions RENAME COLUMN name TO label", "sessions.name is gone"),
        ("ALTER TABLE sessions ADD COLUMN later VARCHAR NOT NULL DEFAULT ''", None),
        ("ALTER TABLE sessions ADD COLUMN later VARCHAR", None),
        ("CREATE TABLE later (id INTEGER NOT NULL)", None),
        ("CREATE UNIQUE INDEX later ON sessions (name)", "sessions has to be unique in ('name',)"),
        (
            "DROP TABLE sessions; CREATE TABLE sessions (id INTEGER, name VARCHAR NOT NULL)",
            "sessions.name has to be given",
        ),
        (
            "DROP TABLE sessions; CREATE TABLE sessions (id INTEGER, name INTEGER)",
            "sessions.name has another type",
        ),
    ],
)
def test_a_migration_that_older_code_could_not_bear_is_found(statement: str, fault: str | None) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE sessions (id INTEGER, name VARCHAR)")

        def migrate() -> None:
            for part in statement.split("; "):
                connection.exec_driver_sql(part)

        assert faults_of(connection, migrate) == ([fault] if fault else [])
    engine.dispose()
