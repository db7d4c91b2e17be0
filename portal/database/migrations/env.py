"""Runs the migrations on the database that portal.database.database.upgrade names."""

from alembic import context

from portal.database.database import metadata, migration_engine

engine = migration_engine(context.config.attributes["url"])
try:
    # On SQLite too in one transaction, which nobody else can begin meanwhile: half a schema helps nobody.
    with engine.execution_options(write=True).begin() as connection:
        context.configure(connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
finally:
    engine.dispose()
