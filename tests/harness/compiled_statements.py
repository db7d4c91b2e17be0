"""SQL statements, compiled once a worker: SQLAlchemy would compile them again for the engine of each test's portal."""

from collections.abc import Hashable
from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine

_COMPILED: dict[Hashable, Any] = {}


class _CompiledOnce:
    """A dialect whose engines share what they compile. A cache's key holds the dialect, so those of a class are equal.

    All engines of a worker have the same options and the same server, and statements depend on nothing else.
    """

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Give a new engine the cache of all of them."""
        engine.update_execution_options(compiled_cache=_COMPILED)


class SQLite(_CompiledOnce, SQLiteDialect_pysqlite):
    """SQLite by Python's own module."""

    supports_statement_cache = True


class PostgreSQL(_CompiledOnce, PGDialect_psycopg):
    """PostgreSQL by psycopg."""

    supports_statement_cache = True


def share_compiled_statements() -> None:
    """Let every engine that this process makes from here on use these dialects."""
    registry.register("sqlite", __name__, SQLite.__name__)
    registry.register("postgresql.psycopg", __name__, PostgreSQL.__name__)
