"""Notices to viewers that wait to be sent by email: written with the outcome they tell of, in one transaction.

A notice holds no email address and no PIN. Zype is asked for the address when the notice is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from portal.database.backlog import Backlog, backlog
from portal.database.database import Database
from portal.database.schema import UTCDateTime, metadata
from portal.domain.outcomes import Action

# How long a mailer has for a notice before another one may take it. It must be longer than all that Zype and the mail
# server may take together: when a notice is due again, its mailer is taken for crashed.
CLAIM_DURATION = timedelta(minutes=5)
FIRST_RETRY_DELAY = timedelta(seconds=30)
MAX_RETRY_DELAY = timedelta(hours=1)
# A notice expires at this age, but not before it was tried a few times: the mailer may have been down.
MAX_AGE = timedelta(hours=24)
MIN_TRIES = 5
# What nobody waits for is deleted so long after its last try, in small transactions.
KEPT = timedelta(days=90)
DELETED_AT_ONCE = 500

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("attempt_id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("consumer_id", sa.Text, nullable=False),
    sa.Column("tv_name", sa.Text),
    sa.Column("at", UTCDateTime, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_at", UTCDateTime, nullable=False),
    sa.Index("ix_outbox_state_due_at", "state", "due_at"),
)


class NoticeKind(StrEnum):
    """What a viewer is notified of."""

    LINKED_BY_AGENT = "linked_by_agent"
    UNLINKED_BY_AGENT = "unlinked_by_agent"
    SIGNED_OUT_BY_AGENT = "signed_out_by_agent"
    LINKED_FROM_NEW_ADDRESS = "linked_from_new_address"
    LINK_BY_AGENT_UNKNOWN = "link_by_agent_unknown"
    UNLINK_BY_AGENT_UNKNOWN = "unlink_by_agent_unknown"


# Of an agent's attempt of which nobody knows whether it did anything, by its action.
UNKNOWN_NOTICES: dict[str, NoticeKind] = {
    Action.LINK: NoticeKind.LINK_BY_AGENT_UNKNOWN,
    Action.UNLINK: NoticeKind.UNLINK_BY_AGENT_UNKNOWN,
    Action.UNDO: NoticeKind.UNLINK_BY_AGENT_UNKNOWN,
}


class NoticeState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    # What became of an attempt was found out before its viewer was told that nobody knows.
    SETTLED = "settled"


@dataclass(frozen=True)
class Notice:
    """A notice that a mailer has claimed.

    Args:
        tv_name: the viewer's own name for the TV at that moment, if it had one.
        at: when the link or unlink was done.
        tries: how often the notice was claimed, this time included.
    """

    attempt_id: str
    kind: NoticeKind
    consumer_id: str
    tv_name: str | None
    at: datetime
    tries: int

    @property
    def is_of_unknown(self) -> bool:
        """Whether nobody knew what became of the attempt."""
        return self.kind in UNKNOWN_NOTICES.values()


class Outbox:
    """The notices in a database, as mailers use them. Every method raises SQLAlchemyError if the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self) -> Notice | None:
        """Take the notice that has been due for longest; None if none is due.

        Of any number of mailers, on any number of machines, one gets it. It is due again after CLAIM_DURATION, so a
        notice whose mailer crashed is not lost.
        """
        # Reading first is cheap and blocks nothing; on SQLite a claim keeps every other connection from writing.
        with self._database.read() as connection:
            if connection.execute(_DUE, {"now": self._database.now(connection)}).first() is None:
                return None
        with self._database.write() as connection:
            now = self._database.now(connection)
            row = connection.execute(_DUE.with_for_update(skip_locked=True), {"now": now}).mappings().first()
            if row is None:
                return None
            claimed = {"tries": row["tries"] + 1, "due_at": now + CLAIM_DURATION}
            connection.execute(outbox.update().where(outbox.c.attempt_id == row["attempt_id"]).values(claimed))
        values = {name: row[name] for name in Notice.__dataclass_fields__}
        return Notice(**values | {"kind": NoticeKind(row["kind"]), "tries": row["tries"] + 1})

    def backlog(self) -> Backlog:
        """Return how many notices wait to be sent, and how old the oldest is since it could have been sent first."""
        return backlog(self._database, _FIRST_DUE_AT, outbox.c.state == NoticeState.WAITING)

    def mark_sent(self, notice: Notice) -> bool:
        """Mark a notice as sent; return whether it was not marked before."""
        return self._update(notice, {"state": NoticeState.SENT})

    def mark_failed(self, notice: Notice) -> bool:
        """Mark a notice as one that will not be sent; return whether it was not marked before."""
        return self._update(notice, {"state": NoticeState.FAILED}, outbox.c.tries == notice.tries)

    def mark_settled(self, notice: Notice) -> None:
        """Mark a notice as one that need not be sent."""
        self._update(notice, {"state": NoticeState.SETTLED})

    def retry_later(self, notice: Notice) -> bool:
        """Make a notice due again after a delay that grows with each try; return False if it has expired instead."""
        now = self._database.now()
        if now - notice.at >= MAX_AGE and notice.tries >= MIN_TRIES:
            return False
        delay = min(FIRST_RETRY_DELAY * 2 ** min(notice.tries - 1, 10), MAX_RETRY_DELAY)
        self._update(notice, {"due_at": now + delay}, outbox.c.tries == notice.tries)
        return True

    def delete_old(self) -> int:
        """Delete notices that wait for nothing and were last tried KEPT ago.

        Returns:
            how many; at most DELETED_AT_ONCE.
        """
        old = _OLD.where(outbox.c.due_at < self._database.now() - KEPT)
        # Reading first blocks nobody.
        if self._database.scalar(old) is None:
            return 0
        return self._database.change(outbox.delete().where(outbox.c.attempt_id.in_(old)))

    def _update(self, notice: Notice, values: Mapping[str, Any], *conditions: sa.ColumnElement[bool]) -> bool:
        """Change a notice if it still waits; another mailer may have taken it over from a slow one."""
        is_it = (outbox.c.attempt_id == notice.attempt_id, outbox.c.kind == notice.kind)
        is_waiting = (*is_it, outbox.c.state == NoticeState.WAITING)
        return self._database.change(outbox.update().where(*is_waiting, *conditions).values(values)) == 1


_DUE = (
    sa.select(outbox)
    .where(outbox.c.state == NoticeState.WAITING, outbox.c.due_at <= sa.bindparam("now", type_=UTCDateTime))
    .order_by(outbox.c.due_at)
    .limit(1)
)
# The first try of some is an hour after what they are about.
_FIRST_DUE_AT = sa.case((outbox.c.tries > 0, outbox.c.at), else_=outbox.c.due_at)
# Named one by one, so that the index on states is of use.
_DONE = [state for state in NoticeState if state is not NoticeState.WAITING]
_OLD = sa.select(outbox.c.attempt_id).where(outbox.c.state.in_(_DONE)).limit(DELETED_AT_ONCE)
