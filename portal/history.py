"""Reading the ledger again: for the people it is about, for those who answer for it, and for what depends on it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa

from portal.attempts import Entry
from portal.db import Database
from portal.ledger_rows import ENTRY_COLUMNS, entry_of
from portal.ledger_tables import ledger
from portal.models import Action, Actor, LookUpOutcome, Outcome


class History:
    """What the ledger tells. Every method raises sqlalchemy.exc.SQLAlchemyError where it can't be read.

    Args:
        database: where the ledger is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def links(self, consumer_id: str, linked_device_ids: Sequence[str]) -> Mapping[str, Entry]:
        """Return the newest link of each of a consumer's TVs, by linked_device_id; a TV linked elsewhere has none."""
        rows = self._entries(
            ledger.c.consumer_id == consumer_id,
            ledger.c.linked_device_id.in_(linked_device_ids),
            ledger.c.action == Action.LINK,
            ledger.c.outcome == Outcome.LINKED,
            limit=1000,
        )
        return {row.linked_device_id: row for row in reversed(rows) if row.linked_device_id}

    def has_looked_up(self, actor: Actor, consumer_id: str, within: timedelta) -> bool:
        """Tell whether an agent found this viewer a moment ago, so that another look is part of the same call."""
        with self._database.read() as connection:
            since = self._database.now(connection) - within
        return bool(
            self._entries(
                ledger.c.actor_kind == actor.kind,
                ledger.c.actor_id == actor.id,
                ledger.c.action == Action.LOOK_UP,
                ledger.c.at > since,
                ledger.c.consumer_id == consumer_id,
                ledger.c.outcome == LookUpOutcome.FOUND,
                limit=1,
            )
        )

    def _entries(self, *conditions: sa.ColumnElement[bool], limit: int) -> list[Entry]:
        """Return rows, newest first."""
        query = sa.select(*ENTRY_COLUMNS).where(*conditions).order_by(ledger.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [entry_of(row) for row in connection.execute(query).mappings()]
