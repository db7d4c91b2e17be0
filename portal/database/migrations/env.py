"""Runs the migrations on the database that portal.database.migration.upgrade names."""

from alembic import context

from portal.database.database import Database
from portal.database.schema import metadata

database = Database(context.config.attributes["url"], connections=1)
try:
    # All in one transaction, on SQLite too: an upgrade that fails leaves the schema as it was.
    with database.write() as connection:
        context.configure(connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
finally:
    database.dispose()
