"""The checks of the database: what serving does with it is done, and rolled back."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from portal.commands.findings import CheckFailed, CheckWarning
from portal.database.database import Database
from portal.database.faults import reason
from portal.database.schema import APPEND_ONLY, metadata, require_schema
from portal.settings.settings import Settings
from portal.staff.tables import agents

# From the fifth time on psycopg would prepare a statement on the server, unless it is told not to.
REPEATS = 10
INSUFFICIENT_PRIVILEGE = "42501"
# A value of each type of column, for a row that is never committed.
SAMPLES: dict[type, Any] = {int: 0, bool: False, bytes: b"", datetime: datetime.fromtimestamp(0, UTC)}


class _RollBack(Exception):
    """Ends a transaction of which nothing is to be kept."""


def schema(database: Database) -> str:
    require_schema(database)
    return "it answers, and has this version's schema"


def writable(database: Database) -> str:
    try:
        _repeat(database)
        missing = _missing_rights(database)
    except SQLAlchemyError as error:
        raise CheckFailed(f"can't write to it: {reason(error)}") from error
    if missing:
        raise CheckFailed(
            f"the role of PORTAL_DATABASE_URL lacks rights: {'; '.join(missing)}. Grant what docs/operating.md lists, "
            "as the owner of the tables"
        )
    if files := database.shared_files():
        names = ", ".join(file.name for file in files)
        raise CheckFailed(f"other accounts of this machine can read it: run chmod 600 on {names}")
    return "it can be written to" + (", and other accounts of this machine can't read it" if database.is_sqlite else "")


def append_only(database: Database) -> str:
    if database.is_sqlite:
        wanted = {"ledger_no_update", "ledger_no_delete", "ledger_no_replace"}
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'"
    else:
        wanted = {"ledger_no_change"}
        query = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'ledger'::regclass AND tgenabled <> 'D'"
    with database.read() as connection:
        missing = wanted.difference(connection.execute(sa.text(query)).scalars())
    if missing:
        raise CheckFailed(f"triggers that refuse changes are gone ({', '.join(sorted(missing))}); restore the schema")
    return "the database refuses to change it"


def console(database: Database, settings: Settings) -> str:
    if not settings.has_console:
        return "it is off, since there is no PORTAL_ZYPE_API_KEY, with which a viewer is found"
    is_for_nobody = settings.staff_oidc_issuer is None and not database.scalar(sa.select(agents.c.id).limit(1))
    if is_for_nobody and settings.zype_app_key:
        raise CheckWarning(
            "nobody can sign in to it, and nothing else needs PORTAL_ZYPE_API_KEY: leave it out, or add an agent"
        )
    return "nobody can sign in to it: add an agent to use it" if is_for_nobody else "it is on, by PORTAL_ZYPE_API_KEY"


def _repeat(database: Database) -> None:
    """Run the same statement again and again, in two transactions, which a pooler may give two connections."""
    statement = sa.select(sa.literal(1))
    for _ in range(2):
        with database.write() as connection:
            database.lock(connection, ["zype-activate check"])
            for _ in range(REPEATS):
                connection.execute(statement)
            database.now(connection)


def _missing_rights(database: Database) -> list[str]:
    """Return what the role may not do of all that the portal does to each of its tables, with the database's reason."""
    missing = []
    with suppress(_RollBack), database.write() as connection:
        for table in metadata.sorted_tables:
            for right, statement in _uses(table):
                if refusal := _refusal(connection, statement):
                    missing.append(f"{right} on {table.name} ({refusal})")
        raise _RollBack
    return missing


def _uses(table: sa.Table) -> Iterator[tuple[str, sa.Executable]]:
    """Yield each right that the portal needs of a table, and a statement that needs it."""
    row = {column.name: _sample(column) for column in table.c if _must_be_given(table, column)}
    is_it = [table.c[name] == value for name, value in row.items()]
    yield "INSERT", table.insert().values(row)
    yield "SELECT", table.select().where(*is_it).limit(1)
    if not table.info.get(APPEND_ONLY):
        yield "UPDATE", table.update().where(*is_it).values(row)
        yield "DELETE", table.delete().where(*is_it)


def _must_be_given(table: sa.Table, column: sa.Column[Any]) -> bool:
    return not column.nullable and column is not table.autoincrement_column


def _sample(column: sa.Column[Any]) -> object:
    kind = column.type.impl_instance if isinstance(column.type, sa.types.TypeDecorator) else column.type
    return uuid4().hex[: kind.length] if isinstance(kind, sa.String) else SAMPLES[kind.python_type]


def _refusal(connection: Connection, statement: sa.Executable) -> str | None:
    """Execute a statement, and return why the role may not; any other error is raised."""
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != INSUFFICIENT_PRIVILEGE:
            raise
        return str(error.orig)
    return None
