"""Agents, the viewers' own settings, mails to send, and what limits on agents are counted by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BY_AGENT = sa.text("actor_kind = 'agent'")


def upgrade() -> None:
    """Make the tables, and add the columns and indexes that the tables of old lack."""
    op.add_column("pending", sa.Column("actor_kind", sa.String(20)))
    op.add_column("pending", sa.Column("actor_id", sa.Text))
    op.add_column("sessions", sa.Column("authenticated_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_ledger_agent",
        "ledger",
        ["actor_id", "action", "at"],
        sqlite_where=BY_AGENT,
        postgresql_where=BY_AGENT,
    )
    op.create_index("ix_ledger_at", "ledger", ["at"])
    _agents()
    _viewers()
    _outbox()


def _agents() -> None:
    op.create_table(
        "agents",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("totp_secret", sa.Text),
        sa.Column("totp_offered", sa.Text),
        sa.Column("totp_step", sa.BigInteger),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "code_hash", name="pk_recovery_codes"),
    )


def _viewers() -> None:
    op.create_table(
        "viewers",
        sa.Column("consumer_id", sa.Text, nullable=False),
        sa.Column("language", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("consumer_id", name="pk_viewers"),
    )
    op.create_table(
        "tv_names",
        sa.Column("consumer_id", sa.Text, nullable=False),
        sa.Column("linked_device_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("consumer_id", "linked_device_id", name="pk_tv_names"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("attempt_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("consumer_id", sa.Text, nullable=False),
        sa.Column("tv_name", sa.Text),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_state_due_at", "outbox", ["state", "due_at"])
