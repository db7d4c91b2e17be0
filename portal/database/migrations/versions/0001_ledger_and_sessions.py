"""The ledger with its triggers, the attempts under way, and the sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

COUNTED = sa.text("outcome IN ('not_found', 'refused', 'unknown', 'wrong')")
APPEND_ONLY = "the ledger is append-only"


def upgrade() -> None:
    """Make the tables, and the triggers that refuse to change the ledger."""
    _ledger()
    _pending()
    _sessions()
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER ledger_no_{event.lower()} BEFORE {event} ON ledger "
                f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{APPEND_ONLY}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"
    )


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("attempt_id", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(20)),
        sa.Column("actor_kind", sa.String(20), nullable=False),
        sa.Column("actor_id", sa.Text, nullable=False),
        sa.Column("consumer_id", sa.Text),
        sa.Column("linked_device_id", sa.Text),
        sa.Column("pin_fingerprint", sa.String(64)),
        sa.Column("subject_hash", sa.String(64)),
        sa.Column("reason", sa.Text),
        sa.Column("ticket", sa.String(200)),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("zype_milliseconds", sa.Integer),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("row_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ledger_attempt_id", "ledger", ["attempt_id"])
    op.create_index("ix_ledger_consumer_id_pin_fingerprint", "ledger", ["consumer_id", "pin_fingerprint"])
    for column in ("consumer_id", "address_hash", "subject_hash"):
        op.create_index(
            f"ix_ledger_counted_{column}",
            "ledger",
            ["action", column, "at"],
            sqlite_where=COUNTED,
            postgresql_where=COUNTED,
        )


def _pending() -> None:
    op.create_table(
        "pending",
        sa.Column("attempt_id", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("consumer_id", sa.Text),
        sa.Column("linked_device_id", sa.Text),
        sa.Column("pin_fingerprint", sa.String(64)),
        sa.Column("subject_hash", sa.String(64)),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_pending"),
    )
    op.create_index("ix_pending_at", "pending", ["at"])


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id_hash", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("principal_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_kind_principal_id", "sessions", ["kind", "principal_id"])
    op.create_index("ix_sessions_created_at", "sessions", ["created_at"])
