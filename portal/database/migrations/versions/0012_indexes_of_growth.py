"""The indexes by which pages of the history, and what clears up, read a few rows of tables that have grown."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BEGAN = sa.text("outcome IS NULL")
# SQLite uses the index for conditions alone that say the same: those of the history.
ENDED = sa.text("outcome <> ''")
BY_AGENT = sa.text("actor_kind = 'agent'")
AUTHENTICATED = sa.text("outcome IN ('signed_in', 'half')")
OF_VIEWER = sa.text("consumer_id IS NOT NULL")


def upgrade() -> None:
    """Make the indexes, and drop those that they replace: each row of the ledger is in one index more than before.

    On PostgreSQL those of a large ledger can be made beforehand without holding up anybody (docs/operating.md).
    """
    for name, columns, where in (
        ("ix_ledger_began", ["at", "id"], BEGAN),
        ("ix_ledger_ended", ["outcome", "at", "id"], ENDED),
        ("ix_ledger_of_viewer", ["consumer_id", "at", "id"], OF_VIEWER),
        ("ix_ledger_authenticated_at", ["subject_hash", "address_hash", "at"], AUTHENTICATED),
        ("ix_ledger_of_agent", ["actor_id", "at", "id"], BY_AGENT),
    ):
        op.create_index(name, "ledger", columns, if_not_exists=True, sqlite_where=where, postgresql_where=where)
    op.drop_index("ix_ledger_at", "ledger")
    op.drop_index("ix_ledger_authenticated", "ledger")
    op.create_index("ix_sessions_kind_created_at", "sessions", ["kind", "created_at"])
    op.drop_index("ix_sessions_created_at", "sessions")
