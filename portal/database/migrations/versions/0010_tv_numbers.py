"""The numbers of viewers' TVs."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tv_numbers",
        sa.Column("consumer_id", sa.Text, nullable=False),
        sa.Column("linked_device_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("consumer_id", "linked_device_id", name="pk_tv_numbers"),
    )
