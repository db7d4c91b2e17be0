"""Agents' attempts of which nobody knows whether they did anything: each is settled in time, or its viewer is told."""

from datetime import timedelta

import sqlalchemy as sa

from portal.database.database import Database
from portal.domain.actors import ActorKind
from portal.domain.outcomes import Outcome, UnlinkOutcome
from portal.ledger.tables import ledger, pending
from portal.mail.outbox import UNKNOWN_NOTICES, Notice, outbox
from portal.mail.queueing import UNKNOWN_DELAY, new_notice

# A crash that was this long ago is one for the operator alone. Notices are kept for longer, so that none comes twice.
OLDEST_CRASH = timedelta(days=7)
# What Zype said later of the same PIN or TV. A later attempt that ended unknown has a notice, or a page, of its own.
_SETTLING = (
    *(Outcome.LINKED, Outcome.NOT_FOUND, Outcome.REFUSED, Outcome.UNKNOWN),
    *(UnlinkOutcome.UNLINKED, UnlinkOutcome.GONE),
)


class UnknownAttempts:
    """The attempts in a database, as mailers look at them. If the database fails, SQLAlchemyError is raised."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queue_crashed(self) -> None:
        """Write a notice, due at once, of each agent's attempt that has had no outcome for UNKNOWN_DELAY.

        Its process crashed, or could not write the outcome, which is what else queues notices.
        """
        now = self._database.now()
        crashed = _CRASHED.where(pending.c.at.between(now - OLDEST_CRASH, now - UNKNOWN_DELAY))
        # Reading first blocks nobody.
        if self._database.scalar(crashed) is None:
            return
        with self._database.write() as connection:
            for row in connection.execute(crashed).mappings().all():
                notice = new_notice(connection, row, UNKNOWN_NOTICES[row["action"]], row["at"], now)
                connection.execute(self._database.insert(outbox).on_conflict_do_nothing(), notice)

    def is_settled(self, notice: Notice) -> bool:
        """Tell whether a notice is of an attempt whose result has become known since."""
        if not notice.is_of_unknown:
            return False
        with self._database.read() as connection:
            return connection.execute(_SETTLED, {"unknown_id": notice.attempt_id}).first() is not None


_CRASHED = sa.select(pending).where(
    pending.c.actor_kind == ActorKind.AGENT,
    pending.c.action.in_(UNKNOWN_NOTICES),
    ~sa.exists().where(outbox.c.attempt_id == pending.c.attempt_id),
)
_later = ledger.alias("later")
_SETTLED = (
    sa.select(_later.c.id)
    .select_from(ledger.join(_later, _later.c.consumer_id == ledger.c.consumer_id))
    .where(
        ledger.c.attempt_id == sa.bindparam("unknown_id"),
        _later.c.id > ledger.c.id,
        _later.c.action.in_(UNKNOWN_NOTICES),
        _later.c.outcome.in_(_SETTLING),
        sa.or_(_later.c.attempt_id != ledger.c.attempt_id, _later.c.outcome != Outcome.UNKNOWN),
        sa.or_(
            _later.c.pin_fingerprint == ledger.c.pin_fingerprint,
            _later.c.linked_device_id == ledger.c.linked_device_id,
        ),
    )
    .limit(1)
)
