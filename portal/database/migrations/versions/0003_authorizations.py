"""Pending authorizations at other hosts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "authorizations",
        sa.Column("state_hash", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("browser_hash", sa.String(64), nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("next_path", sa.Text, nullable=False),
        sa.Column("content", sa.Text),
        sa.PrimaryKeyConstraint("state_hash", name="pk_authorizations"),
    )
    op.create_index("ix_authorizations_browser_hash", "authorizations", ["browser_hash"])
    op.create_index("ix_authorizations_address_hash_created_at", "authorizations", ["address_hash", "created_at"])
    op.create_index("ix_authorizations_created_at", "authorizations", ["created_at"])
