"""The attempts of everybody, as supervisors and the operator read them: filtered, newest first, page by page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from portal.database.database import Database
from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action
from portal.ledger.limits import PENDING_FOR
from portal.ledger.tables import by_agent, ledger

PAGE = 50
CHUNK = 500
# What the filter calls an attempt whose process wrote no outcome.
NO_OUTCOME = "none"


@dataclass(frozen=True)
class AttemptFilter:
    """Which attempts are meant; what is none does not matter.

    Args:
        agent: an agent's id.
        viewer: a consumer_id.
        outcome: one of the outcomes, or ``none`` for attempts that have none.
        since: the first day, UTC.
        until: the last day, UTC, which counts too.
    """

    agent: str | None = None
    viewer: str | None = None
    outcome: str | None = None
    since: date | None = None
    until: date | None = None

    def __str__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value is not None}
        return " ".join(f"{name}={value}" for name, value in given.items()) or "everything"


@dataclass(frozen=True)
class PastAttempt:
    """An attempt: what was begun, and how it ended. These are the columns of an export, in this order.

    Args:
        id: of the row that began it; newer attempts have larger ones.
        at: when it began, by the database's clock, UTC.
        outcome: none while there is no row that tells.
        ended_at: when that row was written.
        row_hash: the keyed hash of the row that began it.
        outcome_row_hash: of the row that ended it.
    """

    id: int
    at: datetime
    action: Action
    attempt_id: str
    outcome: str | None
    ended_at: datetime | None
    actor_kind: ActorKind
    actor_id: str
    consumer_id: str | None
    linked_device_id: str | None
    reason: str | None
    ticket: str | None
    request_id: str
    zype_milliseconds: int | None
    row_hash: str
    outcome_row_hash: str | None


@dataclass(frozen=True)
class AttemptPage:
    """One page of attempts, newest first.

    Args:
        attempts: at most ``PAGE``.
        before: where the next older page begins, or none if this is the last.
        crashed_before: an attempt without an outcome that began earlier than this will not get one by itself.
    """

    attempts: tuple[PastAttempt, ...]
    before: int | None
    crashed_before: datetime


class AttemptHistory:
    """Everybody's attempts. Every method raises sqlalchemy.exc.SQLAlchemyError where the ledger can't be read.

    Args:
        database: where the ledger is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, wanted: AttemptFilter, before: int | None = None) -> AttemptPage:
        """Return the newest attempts that are wanted.

        Args:
            wanted: which ones.
            before: only those whose id is smaller; what is newer may have grown meanwhile, and moves nothing.
        """
        found = self._read(wanted, PAGE + 1, ledger.c.id < before if before is not None else sa.true(), newest=True)
        with self._database.read() as connection:
            now = self._database.now(connection)
        shown = found[:PAGE]
        return AttemptPage(tuple(shown), shown[-1].id if len(found) > PAGE else None, now - PENDING_FOR)

    def all(self, wanted: AttemptFilter) -> Iterator[PastAttempt]:
        """Yield every attempt that is wanted and is there now, oldest first, without holding them all in memory."""
        with self._database.read() as connection:
            last: int = connection.execute(sa.select(sa.func.max(ledger.c.id))).scalar() or 0
        after = 0
        while found := self._read(wanted, CHUNK, ledger.c.id.between(after + 1, last), newest=False):
            yield from found
            after = found[-1].id

    def _read(
        self, wanted: AttemptFilter, limit: int, where: sa.ColumnElement[bool], *, newest: bool
    ) -> list[PastAttempt]:
        order = ledger.c.id.desc() if newest else ledger.c.id
        query = _ATTEMPTS.where(where, *_conditions(wanted)).order_by(order).limit(limit)
        with self._database.read() as connection:
            return [_past_attempt(row) for row in connection.execute(query).mappings()]


_ended = ledger.alias("ended")


def _either(name: str) -> sa.ColumnElement[Any]:
    """Return what an attempt says in a column: the row that ended it knows more than the one that began it."""
    return sa.func.coalesce(_ended.c[name], ledger.c[name]).label(name)


_ATTEMPTS = (
    sa.select(
        *(ledger.c[name] for name in ("id", "at", "action", "attempt_id", "actor_kind", "request_id", "row_hash")),
        *(_ended.c[name] for name in ("outcome", "zype_milliseconds")),
        *(_either(name) for name in ("actor_id", "consumer_id", "linked_device_id", "reason", "ticket")),
        _ended.c.at.label("ended_at"),
        _ended.c.row_hash.label("outcome_row_hash"),
    )
    .select_from(
        ledger.outerjoin(_ended, sa.and_(_ended.c.attempt_id == ledger.c.attempt_id, _ended.c.outcome.is_not(None)))
    )
    .where(ledger.c.outcome.is_(None))
)


_half = ledger.alias("half")


def _has_row(*conditions: sa.ColumnElement[bool] | sa.TextClause) -> sa.ColumnElement[bool]:
    """Return the condition that either half of an attempt says something; apart from it, since an index finds those."""
    return ledger.c.attempt_id.in_(sa.select(_half.c.attempt_id).where(*conditions))


def _conditions(wanted: AttemptFilter) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.agent is not None:
        yield _has_row(by_agent, _half.c.actor_id == wanted.agent)
    if wanted.viewer is not None:
        yield _has_row(_half.c.consumer_id == wanted.viewer)
    if wanted.outcome is not None:
        yield _ended.c.outcome.is_(None) if wanted.outcome == NO_OUTCOME else _ended.c.outcome == wanted.outcome
    if wanted.since is not None:
        yield ledger.c.at >= _midnight(wanted.since)
    # The last day that a date can say has no day after it, and needs none.
    if wanted.until is not None and wanted.until < date.max:
        yield ledger.c.at < _midnight(wanted.until + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _past_attempt(row: sa.RowMapping) -> PastAttempt:
    told = {"action": Action(row["action"]), "actor_kind": ActorKind(row["actor_kind"])}
    return PastAttempt(**dict(row) | told)
