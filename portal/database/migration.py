"""Whether the database has this version's schema, and how it gets it."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from portal.database.database import Database

_MIGRATIONS = Path(__file__).parent / "migrations"


def is_current(database: Database) -> bool:
    """Return whether the database has the schema that this version of the portal needs.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database can't be reached or read.
    """
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision() == _newest_revision()


def upgrade(url: str) -> None:
    """Bring the schema of a database up to date; nothing happens where it is already.

    Args:
        url: ``sqlite:///…`` or ``postgresql+psycopg://…``, of a role that may create tables.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database can't be reached or changed.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


@cache
def _newest_revision() -> str | None:
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()
