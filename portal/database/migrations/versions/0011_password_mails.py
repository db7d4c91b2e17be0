"""The indexes by which the limits find requests for the mail to set a new password."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PASSWORD_MAILS = sa.text("action = 'forgotten_password'")


def upgrade() -> None:
    """Add the indexes."""
    for column in ("subject_hash", "address_hash", "site_hash"):
        op.create_index(
            f"ix_ledger_password_mail_{column}",
            "ledger",
            [column, "at"],
            sqlite_where=PASSWORD_MAILS,
            postgresql_where=PASSWORD_MAILS,
        )
