"""The tables of the accounts and their recovery codes."""

import sqlalchemy as sa

from portal.database.schema import UTCDateTime, metadata

agents = sa.Table(
    "agents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("totp_secret", sa.Text),
    # A secret that was shown; the agent has not confirmed it with a code yet.
    sa.Column("totp_offered", sa.Text),
    sa.Column("totp_step", sa.BigInteger),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("disabled_at", UTCDateTime),
    # Of a generated password, which has to be changed by then; none once the agent has chosen one.
    sa.Column("password_expires_at", UTCDateTime),
    # Who vouches for the agent, and as whom: a subject belongs to its issuer. None until the next sign-in of an old
    # account, and for one that was disabled before its first.
    sa.Column("issuer", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Index("uq_agents_issuer_subject", "issuer", "subject", unique=True),
)

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("agent_id", sa.Text, primary_key=True),
    sa.Column("code_hash", sa.String(64), primary_key=True),
)
