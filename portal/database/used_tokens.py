"""The tokens of hand-off sign-ins that were used: each is good once, whichever worker gets it."""

from datetime import timedelta

import sqlalchemy as sa

from portal.database.clearing import delete_some
from portal.database.database import Database
from portal.database.schema import UTCDateTime, metadata
from portal.settings.keys import LedgerKey, Purpose

used_tokens = sa.Table(
    "used_tokens",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("expires_at", UTCDateTime, nullable=False),
    sa.Index("ix_used_tokens_expires_at", "expires_at"),
)

# A token expires long before. The clocks of portal and database may differ, but not by this much.
KEPT = timedelta(hours=1)


class UsedTokens:
    """The used tokens, as keyed hashes. Where the database fails, a method raises sqlalchemy.exc.SQLAlchemyError."""

    def __init__(self, database: Database, key: LedgerKey) -> None:
        self._database = database
        self._key = key

    def use(self, token_id: str) -> bool:
        """Mark the token with an id as used, and tell whether it was not; delete some that nobody can use any more."""
        token_hash = self._key.digest(Purpose.HANDOFF_TOKEN, token_id)
        with self._database.write() as connection:
            now = self._database.now(connection)
            connection.execute(delete_some(used_tokens, used_tokens.c.expires_at < now))
            unless_used = self._database.insert(used_tokens).on_conflict_do_nothing()
            row = {"token_hash": token_hash, "expires_at": now + KEPT}
            # Otherwise SQLAlchemy keeps the count of an INSERT on SQLite alone.
            options = {"preserve_rowcount": True}
            return connection.execute(unless_used, row, execution_options=options).rowcount == 1
