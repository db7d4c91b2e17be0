"""Runs the migrations on the database that portal.database.migration.upgrade names."""

from alembic import context

from portal.database.database import Database
from portal.database.engine import TimeLimits
from portal.database.schema import NewerSchema, SchemaState, metadata, schema_state

# Another upgrade may be running, which may take minutes on a large ledger.
LIMITS = TimeLimits(lock_seconds=600, statement_seconds=0)
LOCK = "zype-activate schema"

database = Database(context.config.attributes["url"], connections=1, limits=LIMITS)
try:
    # All in one transaction, on SQLite too: an upgrade that fails leaves the schema as it was.
    with database.write() as connection:
        # On SQLite the transaction itself is the lock.
        database.lock(connection, [LOCK])
        if not database.is_sqlite:
            # Whoever reads a table waits behind a change of it that waits for somebody else.
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = 0")
        # Another upgrade may have changed it meanwhile.
        if schema_state(connection) is SchemaState.NEWER:
            raise NewerSchema
        context.configure(connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
finally:
    database.dispose()
