"""Forgetting a viewer who asks for it: what is stored of them is deleted, but for the ledger, which is evidence."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.database.sessions import sessions
from portal.domain.actors import Actor, SessionKind
from portal.domain.outcomes import Action
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.ledger.tables import ledger as ledger_table
from portal.viewers.preferences import tv_names, viewers
from portal.viewers.tv_numbers import tv_numbers


class Erasure:
    """Deletes what is stored of a viewer; its methods raise sqlalchemy.exc.SQLAlchemyError and have deleted nothing.

    Args:
        mails: the table of mails to viewers.
    """

    def __init__(self, database: Database, ledger: Ledger, mails: sa.Table) -> None:
        self._database = database
        self._ledger = ledger
        self.tables: Mapping[str, sa.Table] = {
            "sessions": sessions,
            "language": viewers,
            "names of TVs": tv_names,
            "numbers of TVs": tv_numbers,
            "mails": mails,
        }

    def count(self, consumer_id: str) -> Mapping[str, int]:
        """Return how many rows would be deleted, of each kind."""
        with self._database.read() as connection:
            return {
                name: connection.execute(
                    sa.select(sa.func.count()).select_from(table).where(*_is_of(table, consumer_id))
                ).scalar_one()
                for name, table in self.tables.items()
            }

    def attempts(self, consumer_id: str) -> int:
        """Return how many attempts the ledger keeps of a viewer."""
        attempts = sa.func.count(ledger_table.c.attempt_id.distinct())
        return self._database.scalar(sa.select(attempts).where(ledger_table.c.consumer_id == consumer_id)) or 0

    def erase(self, consumer_id: str, actor: Actor) -> Mapping[str, int]:
        """Delete everything of a viewer and record that in the ledger, in one transaction; return as ``count``."""
        with self._database.write() as connection:
            deleted = {name: _delete(connection, table, consumer_id) for name, table in self.tables.items()}
            self._ledger.record_change(connection, Attempt(Action.FORGET, actor, consumer_id=consumer_id))
        return deleted


def _delete(connection: Connection, table: sa.Table, consumer_id: str) -> int:
    return connection.execute(table.delete().where(*_is_of(table, consumer_id))).rowcount


def _is_of(table: sa.Table, consumer_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    if table is sessions:
        return sessions.c.kind == SessionKind.VIEWER, sessions.c.principal_id == consumer_id
    return (table.c.consumer_id == consumer_id,)
