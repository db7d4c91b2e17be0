"""Mails to viewers that wait to be sent: written with the outcome that they tell of, in one transaction."""

import sqlalchemy as sa

from portal.db import UTCDateTime, metadata

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("attempt_id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("consumer_id", sa.Text, nullable=False),
    sa.Column("linked_device_id", sa.Text),
    sa.Column("at", UTCDateTime, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_at", UTCDateTime, nullable=False),
    sa.Index("ix_outbox_state_due_at", "state", "due_at"),
)
