"""The query for attempts: the row that began one, paired with the row of its outcome; and its conditions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from portal.ledger.tables import by_agent, ledger

# The outcome in a filter for attempts that have none.
NO_OUTCOME = "none"


@dataclass(frozen=True)
class AttemptFilter:
    """Which attempts to return; a value of none matches every attempt.

    Args:
        agent: an agent's id.
        viewer: a consumer_id.
        outcome: one of the outcomes, or ``none`` for attempts without one.
        since: the first day, UTC.
        until: the last day, UTC, inclusive.
    """

    agent: str | None = None
    viewer: str | None = None
    outcome: str | None = None
    since: date | None = None
    until: date | None = None

    def __str__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value is not None}
        return " ".join(f"{name}={value}" for name, value in given.items()) or "everything"


ended = ledger.alias("ended")
_either = ledger.alias("either")


def _newest(name: str) -> sa.ColumnElement[Any]:
    """Return a column of the outcome's row, or of the first row while there is no outcome or it has no value."""
    return sa.func.coalesce(ended.c[name], ledger.c[name]).label(name)


# The query that pairs the row that began an attempt with the row of its outcome, if there is one.
ATTEMPTS = (
    sa.select(
        *(ledger.c[name] for name in ("id", "at", "action", "attempt_id", "actor_kind", "request_id", "row_hash")),
        *(ended.c[name] for name in ("outcome", "zype_milliseconds")),
        *(_newest(name) for name in ("actor_id", "consumer_id", "linked_device_id", "reason", "ticket")),
        ended.c.at.label("ended_at"),
        ended.c.row_hash.label("outcome_row_hash"),
    )
    .select_from(
        ledger.outerjoin(ended, sa.and_(ended.c.attempt_id == ledger.c.attempt_id, ended.c.outcome.is_not(None)))
    )
    .where(ledger.c.outcome.is_(None))
)


def conditions_of(filters: AttemptFilter) -> Iterator[sa.ColumnElement[bool]]:
    """Yield what a filter asks of an attempt."""
    if filters.agent is not None:
        yield _has_row(by_agent, _either.c.actor_id == filters.agent)
    if filters.viewer is not None:
        yield _has_row(_either.c.consumer_id == filters.viewer)
    if filters.outcome is not None:
        yield ended.c.outcome.is_(None) if filters.outcome == NO_OUTCOME else ended.c.outcome == filters.outcome
    if filters.since is not None:
        yield ledger.c.at >= _midnight(filters.since)
    # date.max has no next day, and no attempt is after it.
    if filters.until is not None and filters.until < date.max:
        yield ledger.c.at < _midnight(filters.until + timedelta(days=1))


def _has_row(*conditions: sa.ColumnElement[bool] | sa.TextClause) -> sa.ColumnElement[bool]:
    """Return the condition that either row of an attempt matches, as a subquery that can use an index."""
    return ledger.c.attempt_id.in_(sa.select(_either.c.attempt_id).where(*conditions))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
