"""The owner of the ledger may move rows out on PostgreSQL, in transactions that say so; and an index of archives."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ARCHIVES = sa.text("action = 'archive'")


def upgrade() -> None:
    """Make the index, and replace the function of the trigger.

    On SQLite, which has no roles, archiving takes the trigger away for a moment. On PostgreSQL that would wait for
    every transaction that writes, and hold up all later ones. The role that serves is not the owner, so the setting is
    of no use to it.
    """
    op.create_index("ix_ledger_archives", "ledger", ["id"], sqlite_where=ARCHIVES, postgresql_where=ARCHIVES)
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'DELETE' AND current_setting('zype_activate.archiving', true) = 'on' AND pg_has_role("
        "current_user, (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'USAGE') "
        "THEN RETURN NULL; END IF; "
        "RAISE EXCEPTION 'the ledger is append-only'; END $$"
    )
