"""The schema of the database: what its tables share, whether it is up to date, and how it is brought up to date."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from portal.database.database import Database

_MIGRATIONS = Path(__file__).parent / "migrations"

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """A time in UTC, aware in Python on either database; SQLite itself keeps no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the time in UTC; SQLite's text must sort as the times do."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the time with its zone, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


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
