"""Whether a database has this version's schema, and how it gets it."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from portal.database.database import Database
from portal.database.migration import MIGRATIONS, upgrade
from portal.database.schema import REVISION, is_current


def test_the_revision_is_that_of_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == REVISION


def test_an_empty_database_is_current_after_an_upgrade_and_after_another(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'portal.db'}"
    database = Database(url)
    assert not is_current(database)
    for _ in range(2):
        upgrade(url)
        assert is_current(database)
    database.dispose()


@pytest.mark.parametrize("change", ["UPDATE alembic_version SET version_num = '0001'", "DELETE FROM alembic_version"])
def test_a_database_of_another_version_is_not_current(change: str, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    assert is_current(database)
    with database.write() as connection:
        connection.exec_driver_sql(change)
    assert not is_current(database)
    database.dispose()
