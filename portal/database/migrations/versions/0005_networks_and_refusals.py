"""The /48 network of an address, and the indexes by which the limits find failures, refusals and known addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FAILED = sa.text("outcome IN ('not_found', 'refused', 'unknown', 'wrong', 'busy', 'too_many', 'malformed')")
AUTHENTICATED = sa.text("outcome IN ('signed_in', 'half')")


def upgrade() -> None:
    """Add the columns, and replace the indexes of counted attempts by ones that have the refused too."""
    for table in ("ledger", "pending"):
        op.add_column(table, sa.Column("site_hash", sa.String(64)))
    for column in ("consumer_id", "address_hash", "subject_hash"):
        op.drop_index(f"ix_ledger_counted_{column}", "ledger")
    for column in ("consumer_id", "address_hash", "subject_hash", "site_hash"):
        op.create_index(
            f"ix_ledger_failed_{column}",
            "ledger",
            ["action", column, "at"],
            sqlite_where=FAILED,
            postgresql_where=FAILED,
        )
    op.create_index(
        "ix_ledger_authenticated",
        "ledger",
        ["subject_hash", "address_hash"],
        sqlite_where=AUTHENTICATED,
        postgresql_where=AUTHENTICATED,
    )
