"""The /48 network of the address that began an authorization, which has a limit too."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and its index."""
    op.add_column("authorizations", sa.Column("site_hash", sa.String(64)))
    op.create_index("ix_authorizations_site_hash_created_at", "authorizations", ["site_hash", "created_at"])
