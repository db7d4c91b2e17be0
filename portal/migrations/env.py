"""Runs the migrations on the database that portal.db.upgrade names."""

from alembic import context

from portal.db import metadata, migration_engine

engine = migration_engine(context.config.attributes["url"])
try:
    with engine.begin() as connection:
        context.configure(connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
finally:
    engine.dispose()
