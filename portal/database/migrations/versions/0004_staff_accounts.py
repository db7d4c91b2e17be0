"""When a generated password ends, and the identity provider that an agent's subject belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; accounts of old keep their password, and take their provider's name at their next sign-in."""
    op.add_column("agents", sa.Column("password_expires_at", sa.DateTime(timezone=True)))
    op.add_column("agents", sa.Column("issuer", sa.Text))
    op.add_column("agents", sa.Column("subject", sa.Text))
    op.create_index("uq_agents_issuer_subject", "agents", ["issuer", "subject"], unique=True)
