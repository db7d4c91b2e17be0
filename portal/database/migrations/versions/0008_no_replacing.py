"""The trigger that refuses to replace a row of the ledger on SQLite, for clients without recursive triggers too."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the trigger. PostgreSQL has no REPLACE, and its upsert is an UPDATE for the trigger that is there."""
    if op.get_bind().dialect.name == "sqlite":
        # REPLACE deletes the old row, and fires no trigger for that unless its client has set recursive_triggers.
        op.execute(
            "CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger "
            "WHEN EXISTS (SELECT 1 FROM ledger WHERE id = NEW.id) "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
