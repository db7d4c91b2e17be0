"""What the tables of the schema share: their metadata, their type for times, and the newest revision."""

from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.domain.errors import PortalError

# The newest migration's.
REVISION = "0012"
VERSIONS = Path(__file__).parent / "migrations/versions"

# In the info of a table to which the portal only adds rows.
APPEND_ONLY = "append_only"

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


# The database's time when a row is read, as ``Database.now`` returns it.
clock = sa.func.clock_timestamp(type_=UTCDateTime)


class SchemaState(Enum):
    """How the schema of a database compares with the one that this version of the portal needs."""

    CURRENT = auto()
    # Or there is none yet.
    OLDER = auto()
    # Or it is of another program.
    NEWER = auto()


class WrongSchema(PortalError):
    """The database has another schema than this version of the portal needs; the text says what to do."""


class OlderSchema(WrongSchema):
    """The database lacks the newest migration, or has no tables yet."""

    def __init__(self) -> None:
        super().__init__("it lacks this version's schema (run: zype-activate db upgrade)")


class NewerSchema(WrongSchema):
    """The database has a schema that this version of the portal does not know."""

    def __init__(self) -> None:
        super().__init__(
            f"a newer version of the portal has upgraded the database; this version knows its schema up to {REVISION}. "
            "Run the newer version, or go back as docs/operating.md says under Rolling back"
        )


def schema_state(connection: Connection) -> SchemaState:
    """Return how the schema of a database compares with the one that this version of the portal needs."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return SchemaState.OLDER
    revisions = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    if revisions == [REVISION]:
        return SchemaState.CURRENT
    known = {file.name.partition("_")[0] for file in VERSIONS.glob("*.py")}
    return SchemaState.OLDER if known.issuperset(revisions) else SchemaState.NEWER


def state_of(database: Database) -> SchemaState:
    """Return how the schema of a database compares, outside of any change of it."""
    with database.read() as connection:
        return schema_state(connection)


def require_schema(database: Database) -> None:
    """Raise OlderSchema or NewerSchema if a database has another one than this version of the portal needs."""
    match state_of(database):
        case SchemaState.OLDER:
            raise OlderSchema
        case SchemaState.NEWER:
            raise NewerSchema
