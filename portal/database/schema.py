"""What the tables of the schema share: their metadata, their type for times, and the newest revision."""

from datetime import UTC, datetime

import sqlalchemy as sa

from portal.database.database import Database

# The newest migration's.
REVISION = "0008"

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
    """Return whether the database has the schema that this version of the portal needs."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        revisions = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    return revisions == [REVISION]
