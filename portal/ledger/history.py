"""Reading the ledger again: for the people it is about, for those who answer for it, and for what depends on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, LookUpOutcome, Outcome, UnlinkOutcome
from portal.ledger.attempts import Entry
from portal.ledger.limits import PENDING_FOR
from portal.ledger.rows import ENTRY_COLUMNS, entry_of
from portal.ledger.tables import ledger

# What happened to a viewer's account. That an agent looked at it is for supervisors to know.
_OF_A_VIEWER = (Action.LINK, Action.UNLINK, Action.UNDO, Action.SIGN_IN)


@dataclass(frozen=True)
class Happening:
    """What became of one attempt, for the page about a viewer.

    Args:
        at: when it ended, or began if it did not end; by the database's clock, UTC.
        age: of that moment.
        outcome: one of the outcomes of its action, or none while nobody knows.
        actor_kind: who acted: the viewer or an agent.
        actor_id: the agent's id, or the viewer's.
        reason: why, if an agent gave one.
        ticket: likewise.
    """

    at: datetime
    age: timedelta
    action: Action
    outcome: str | None
    actor_kind: ActorKind
    actor_id: str
    reason: str | None
    ticket: str | None

    @property
    def is_under_way(self) -> bool:
        """Whether the outcome is still to come; later than this, its process has crashed."""
        return self.outcome is None and self.age < PENDING_FOR


_HAPPENING = tuple(
    ledger.c[name] for name in ("attempt_id", "at", "action", "outcome", "actor_kind", "actor_id", "reason", "ticket")
)


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
            ledger.c.outcome.in_((Outcome.LINKED, UnlinkOutcome.UNLINKED)),
            limit=1000,
        )
        newest = {row.linked_device_id: row for row in reversed(rows) if row.linked_device_id}
        # One that was unlinked here and is linked all the same was linked elsewhere since.
        return {device: row for device, row in newest.items() if row.outcome == Outcome.LINKED}

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

    def activity(self, consumer_id: str, limit: int) -> list[Happening]:
        """Return what happened to a viewer's account, newest first: what they did, and what agents did for them.

        Args:
            consumer_id: whose account.
            limit: how many attempts at most.
        """
        # An attempt has two rows at most, so these are enough; whichever of them is newer tells how it stands.
        query = (
            sa.select(*_HAPPENING)
            .where(ledger.c.consumer_id == consumer_id, ledger.c.action.in_(_OF_A_VIEWER))
            .order_by(ledger.c.id.desc())
            .limit(2 * limit)
        )
        with self._database.read() as connection:
            now = self._database.now(connection)
            rows = connection.execute(query).all()
        newest: dict[str, sa.Row[tuple[object, ...]]] = {}
        for row in rows:
            newest.setdefault(row.attempt_id, row)
        return [_happening(row, now) for row in list(newest.values())[:limit]]

    def _entries(self, *conditions: sa.ColumnElement[bool], limit: int) -> list[Entry]:
        """Return rows, newest first."""
        query = sa.select(*ENTRY_COLUMNS).where(*conditions).order_by(ledger.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [entry_of(row) for row in connection.execute(query).mappings()]


def _happening(row: sa.Row[tuple[object, ...]], now: datetime) -> Happening:
    values = {name: value for name, value in row._mapping.items() if name != "attempt_id"}
    told = {"action": Action(values["action"]), "actor_kind": ActorKind(values["actor_kind"])}
    return Happening(**values | told | {"age": now - values["at"]})
