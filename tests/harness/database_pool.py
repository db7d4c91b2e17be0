"""Migrated PostgreSQL databases, emptied after each test: making and dropping one takes longer than most tests."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from portal.database.migration import upgrade
from tests.harness.postgres import Cluster
from tests.harness.timing import is_soon

TEMPLATE = "migrated"
# Past that, a new database is cheaper than the dead rows of the old one.
MOST_ROWS = 1000
# Each change of a table, a trigger, a function or a right writes a row of these catalogues anew. What belongs to
# PostgreSQL itself has lower numbers.
CATALOGUES = {
    "pg_class": "oid",
    "pg_attribute": "attrelid",
    "pg_constraint": "oid",
    "pg_trigger": "oid",
    "pg_proc": "oid",
    "pg_namespace": "oid",
    "pg_default_acl": "oid",
}
_CHANGES = "(SELECT md5(string_agg(ctid::text || xmin, ',' ORDER BY ctid)) FROM {} WHERE {} >= 16384)"
SCHEMA = sql.SQL("""
    SELECT {}, (SELECT version_num FROM alembic_version), datallowconn, datconnlimit, datacl::text,
        ARRAY(SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase = pg_database.oid)
    FROM pg_database WHERE datname = current_database()
""").format(
    sql.SQL(", ").join(
        sql.SQL(_CHANGES).format(*map(sql.Identifier, catalogue_and_number))
        for catalogue_and_number in CATALOGUES.items()
    )
)
# With a time-out, pg_terminate_backend waits for one connection after the other, and at least 100 ms for each.
END_OTHER_CONNECTIONS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
END_SECONDS = 5.0
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"


class DatabasePool:
    """Migrated databases without rows, each for one test at a time.

    A connection to each stays open, since opening one takes longer than all that is done over it.

    Args:
        cluster: the running PostgreSQL that keeps them.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._numbers = itertools.count(1)
        self._free: list[psycopg.Connection] = []
        cluster.create(TEMPLATE)
        upgrade(cluster.url(TEMPLATE))
        with self._connect(TEMPLATE) as connection:
            self._schema = connection.execute(SCHEMA).fetchone()

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the address of a migrated database without rows, as PORTAL_DATABASE_URL wants it."""
        connection = self._free.pop() if self._free else self._create()
        name = connection.info.dbname
        try:
            yield self._cluster.url(name)
        finally:
            if self._empty(connection):
                self._free.append(connection)
            else:
                connection.close()
                self._cluster.drop(name)

    def close(self) -> None:
        """Close every connection."""
        for connection in self._free:
            connection.close()

    def _create(self) -> psycopg.Connection:
        name = f"test_{next(self._numbers)}"
        self._cluster.create(name, TEMPLATE)
        return self._connect(name)

    def _empty(self, connection: psycopg.Connection) -> bool:
        """End all other connections and delete every row, or return False for a database not to be used again."""
        try:
            _end_other_connections(connection)
            with connection.transaction():
                if connection.execute(SCHEMA).fetchone() != self._schema:
                    return False
                # The triggers that guard the ledger do not run for what is replicated.
                connection.execute("SET LOCAL session_replication_role = replica")
                tables = [row[0] for row in connection.execute(TABLES)]
                deletes = [sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for table in tables]
                rows = sum(connection.execute(delete).rowcount for delete in deletes)
                connection.execute("SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence")
                return rows <= MOST_ROWS
        except psycopg.OperationalError:
            # The test stopped the server, or ended this connection too.
            return False

    def _connect(self, name: str) -> psycopg.Connection:
        return psycopg.connect(self._cluster.conninfo(name), autocommit=True)


def _end_other_connections(connection: psycopg.Connection) -> None:
    is_soon(lambda: connection.execute(END_OTHER_CONNECTIONS).fetchone() == (0,), END_SECONDS, every=0.005)
