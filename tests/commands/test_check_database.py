"""``check`` does with each table what serving does, with the rights of the role that serves."""

import re
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import make_url

from portal.commands import check_database
from portal.commands.findings import CheckFailed
from portal.database.database import Database
from portal.database.schema import APPEND_ONLY, metadata
from tests.docs.pages import read

ROLE = "activate"
GRANTS = re.findall(r"^    (GRANT .*;)$", read("docs/operating.md"), re.MULTILINE)
ALL = "ALL TABLES IN SCHEMA public"


@pytest.fixture
def owner(postgresql_url: str) -> Iterator[psycopg.Connection]:
    """A connection as the owner of the tables, who has given the role of the documentation its rights."""
    with psycopg.connect(postgresql_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ROLE} LOGIN")
        try:
            for grant in GRANTS:
                connection.execute(grant)
            yield connection
        finally:
            connection.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


@pytest.fixture
def serving(owner: psycopg.Connection, postgresql_url: str) -> Iterator[Database]:
    """The database as that role has it."""
    url = make_url(postgresql_url).set(username=ROLE).render_as_string(hide_password=False)
    database = Database(url, connections=1)
    yield database
    database.dispose()


def missing(database: Database) -> set[str]:
    """Return the rights that are named as missing, such as "INSERT on ledger"."""
    with pytest.raises(CheckFailed, match=r"lacks rights: .*Grant what docs/operating\.md lists") as failed:
        check_database.writable(database)
    return set(re.findall(r"[A-Z]+ on \w+", str(failed.value)))


def needed(right: str) -> set[str]:
    """Return the tables of which the portal needs a right."""
    is_change = right in ("UPDATE", "DELETE")
    return {table.name for table in metadata.sorted_tables if not (is_change and table.info.get(APPEND_ONLY))}


def test_the_documented_grants_are_enough_and_each_is_needed(owner: psycopg.Connection, serving: Database) -> None:
    check_database.writable(serving)
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        owner.execute(f"REVOKE {right} ON {ALL} FROM {ROLE}")
        named = {name for name in missing(serving) if name.startswith(right)}
        assert named == {f"{right} on {table}" for table in needed(right)}
        for grant in GRANTS:
            owner.execute(grant)
    owner.execute(f"REVOKE ALL ON SEQUENCE ledger_id_seq FROM {ROLE}")
    assert missing(serving) == {"INSERT on ledger"}
    assert "ledger" not in needed("UPDATE")


def test_nothing_that_is_tried_is_kept(any_database_url: str) -> None:
    database = Database(any_database_url, connections=1)
    check_database.writable(database)
    with database.read() as connection:
        for table in metadata.sorted_tables:
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0, table.name
    database.dispose()
