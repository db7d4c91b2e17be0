"""Mails to viewers that wait to be sent: written with the outcome that they tell of, in one transaction.

A mail holds no e-mail address and no PIN. Whom it goes to is asked of Zype when it is sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.database.schema import UTCDateTime, metadata
from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.ledger.tables import ledger
from portal.viewers.records import tv_names

# How long a mailer has for a mail before another one may take it. It must be longer than all that Zype and the mail
# server may take together: a mail that comes due again has lost its mailer.
CLAIM = timedelta(minutes=5)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
# A mail is given up when it is this old, but not before it was tried a few times: the mailer may have been down.
GIVEN_UP_AFTER = timedelta(hours=24)
FEWEST_TRIES = 5

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
    """What a viewer is told of."""

    LINKED_BY_AGENT = "linked_by_agent"
    UNLINKED_BY_AGENT = "unlinked_by_agent"
    LINKED_FROM_NEW_ADDRESS = "linked_from_new_address"


class MailState(StrEnum):
    """How a mail stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Mail:
    """A mail that a mailer has claimed.

    Args:
        tv_name: the viewer's own name for the TV at that moment, if it had one.
        at: when it was done, of which the mail tells.
        tries: how often it was claimed, this time included.
    """

    attempt_id: str
    kind: NoticeKind
    consumer_id: str
    tv_name: str | None
    at: datetime
    tries: int


class Outbox:
    """The mails, on one database, as mailers work on them. Every method raises SQLAlchemyError where that fails.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self) -> Mail | None:
        """Take the mail that has been due for longest, or none if none is due.

        However many mailers there are, on however many machines, one of them gets it. It is due again after CLAIM, so
        that a mail whose mailer has crashed is not lost.
        """
        # Looking is cheap and disturbs nobody; on SQLite a claim keeps everybody else from writing.
        with self._database.read() as connection:
            if connection.execute(_DUE, {"now": self._database.now(connection)}).first() is None:
                return None
        with self._database.write() as connection:
            now = self._database.now(connection)
            row = connection.execute(_DUE.with_for_update(skip_locked=True), {"now": now}).mappings().first()
            if row is None:
                return None
            claimed = {"tries": row["tries"] + 1, "due_at": now + CLAIM}
            connection.execute(outbox.update().where(outbox.c.attempt_id == row["attempt_id"]).values(claimed))
        values = {name: row[name] for name in Mail.__dataclass_fields__}
        return Mail(**values | {"kind": NoticeKind(row["kind"]), "tries": row["tries"] + 1})

    def mark_sent(self, mail: Mail) -> bool:
        """Mark a mail as sent, and tell whether that was news."""
        return self._mark(mail, {"state": MailState.SENT})

    def mark_failed(self, mail: Mail) -> bool:
        """Mark a mail as one that will not be sent, and tell whether that was news."""
        return self._mark(mail, {"state": MailState.FAILED}, outbox.c.tries == mail.tries)

    def put_back(self, mail: Mail) -> None:
        """Let a mail that could not be sent now be tried again later, each time after a longer pause."""
        pause = min(FIRST_PAUSE * 2 ** min(mail.tries - 1, 10), LONGEST_PAUSE)
        with self._database.read() as connection:
            due_at = self._database.now(connection) + pause
        self._mark(mail, {"due_at": due_at}, outbox.c.tries == mail.tries)

    def is_given_up(self, mail: Mail) -> bool:
        """Tell whether a mail that could not be sent now has been tried for long enough."""
        with self._database.read() as connection:
            age = self._database.now(connection) - mail.at
        return age >= GIVEN_UP_AFTER and mail.tries >= FEWEST_TRIES

    def _mark(self, mail: Mail, values: Mapping[str, Any], *conditions: sa.ColumnElement[bool]) -> bool:
        """Change a mail that still waits; another mailer may have taken it over from one that was slow."""
        still_waits = (outbox.c.attempt_id == mail.attempt_id, outbox.c.state == MailState.WAITING)
        with self._database.write() as connection:
            return connection.execute(outbox.update().where(*still_waits, *conditions).values(values)).rowcount == 1


_DUE = (
    sa.select(outbox)
    .where(outbox.c.state == MailState.WAITING, outbox.c.due_at <= sa.bindparam("now", type_=UTCDateTime))
    .order_by(outbox.c.due_at)
    .limit(1)
)
_QUEUE = outbox.insert()
_TV_NAME = sa.select(tv_names.c.name).where(
    tv_names.c.consumer_id == sa.bindparam("whose"), tv_names.c.linked_device_id == sa.bindparam("which")
)
_LINKED_FROM_THERE = (
    sa.select(ledger.c.id)
    .where(
        ledger.c.consumer_id == sa.bindparam("consumer_id"),
        ledger.c.actor_kind == ActorKind.VIEWER,
        ledger.c.action == Action.LINK,
        ledger.c.outcome == Outcome.LINKED,
        ledger.c.address_hash.in_(sa.bindparam("address_hashes", expanding=True)),
    )
    .limit(1)
)


def queue_notice(
    connection: Connection, row: Mapping[str, Any], address_hashes: Sequence[str], now: datetime, done_at: datetime
) -> None:
    """Write the mail that is due for an outcome, if one is.

    Args:
        connection: of the unit that is about to write the outcome.
        row: the outcome's columns, by name.
        address_hashes: what rows of any age may hold for the address that it was done from.
        now: the database's time, UTC.
        done_at: when it was done, as the mail tells it.
    """
    kind = _kind_due(connection, row, address_hashes)
    if kind is None:
        return
    whom = {"attempt_id": row["attempt_id"], "consumer_id": row["consumer_id"]}
    # Looked up now: a TV that was unlinked loses its name.
    name = connection.execute(_TV_NAME, {"whose": row["consumer_id"], "which": row["linked_device_id"]}).scalar()
    how = {"state": MailState.WAITING, "tries": 0, "due_at": now}
    connection.execute(_QUEUE, {**whom, "kind": kind, "tv_name": name, "at": done_at, **how})


def _kind_due(connection: Connection, row: Mapping[str, Any], address_hashes: Sequence[str]) -> NoticeKind | None:
    is_link = row["action"] == Action.LINK and row["outcome"] == Outcome.LINKED
    is_unlink = row["action"] in (Action.UNLINK, Action.UNDO) and row["outcome"] == UnlinkOutcome.UNLINKED
    if row["actor_kind"] == ActorKind.AGENT:
        return NoticeKind.LINKED_BY_AGENT if is_link else NoticeKind.UNLINKED_BY_AGENT if is_unlink else None
    if not is_link:
        return None
    whose = {"consumer_id": row["consumer_id"], "address_hashes": list(address_hashes)}
    is_known = connection.execute(_LINKED_FROM_THERE, whose).first() is not None
    return None if is_known else NoticeKind.LINKED_FROM_NEW_ADDRESS
