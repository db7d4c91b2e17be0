"""Runs the migrations on the database that portal.database.migration.upgrade names."""

from alembic import context
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.database.engine import TimeLimits
from portal.database.schema import NewerSchema, SchemaState, metadata, schema_state

# Another upgrade may be running, which may take minutes on a large ledger.
WAIT_SECONDS = 600
# Whoever reads a table waits behind a change of it that waits for somebody else.
TABLE_SECONDS = 10
LOCK = "zype-activate schema"


def wait_for_locks(connection: Connection, seconds: int) -> None:
    """Let locks be waited for so long, and statements take as long as they need, whatever the address says."""
    if not database.is_sqlite:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{seconds}s'; SET LOCAL statement_timeout = 0")


database = Database(context.config.attributes["url"], connections=1, limits=TimeLimits(lock_seconds=WAIT_SECONDS))
try:
    # All in one transaction, on SQLite too: an upgrade that fails leaves the schema as it was.
    with database.write() as connection:
        # On SQLite the transaction itself is the lock.
        wait_for_locks(connection, WAIT_SECONDS)
        database.lock(connection, [LOCK])
        wait_for_locks(connection, TABLE_SECONDS)
        # Another upgrade may have changed it meanwhile.
        if schema_state(connection) is SchemaState.NEWER:
            raise NewerSchema
        context.configure(connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
finally:
    database.dispose()
