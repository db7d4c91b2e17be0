"""Whether a database has this version's schema, and how it gets it."""

import os
import stat
from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory

from portal.database.database import Database
from portal.database.migration import MIGRATIONS, upgrade
from portal.database.schema import REVISION, SchemaState, state_of


def test_the_revision_is_that_of_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == REVISION


def test_an_empty_database_is_current_after_an_upgrade_and_after_another(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'portal.db'}"
    database = Database(url)
    assert state_of(database) is SchemaState.OLDER
    for _ in range(2):
        upgrade(url)
        assert state_of(database) is SchemaState.CURRENT
    database.dispose()


def test_a_database_of_another_version_is_older_or_newer(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    for change, state in (
        ("UPDATE alembic_version SET version_num = '0001'", SchemaState.OLDER),
        ("UPDATE alembic_version SET version_num = '9999'", SchemaState.NEWER),
        ("UPDATE alembic_version SET version_num = 'ae1027a6acf'", SchemaState.NEWER),
        ("DELETE FROM alembic_version", SchemaState.OLDER),
    ):
        with database.write() as connection:
            connection.exec_driver_sql(change)
        assert state_of(database) is state, change
    database.dispose()


def test_sqlite_sorts_in_memory_and_needs_no_folder_for_that(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    assert database.scalar(sa.select(sa.column("temp_store")).select_from(sa.text("pragma_temp_store"))) == 2
    database.dispose()


def test_a_new_database_is_for_this_account_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        upgrade(f"sqlite:///{tmp_path / 'portal.db'}")
        database = Database(f"sqlite:///{tmp_path / 'portal.db'}")
        with database.write() as connection:
            connection.exec_driver_sql("DELETE FROM pending")
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        database.dispose()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("portal.db", "portal.db-wal", "portal.db-shm", "portal.db-turn"), 0o600)
