"""The query for attempts: the row that began one, paired with the row of its outcome; and how filters list them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from portal.domain.actors import ActorKind
from portal.ledger.tables import has_outcome, ledger, pending

# The outcome in a filter for attempts that have none.
NO_OUTCOME = "none"


@dataclass(frozen=True)
class AttemptFilter:
    """Which attempts to return; a value of none matches every attempt.

    Args:
        agent: an agent's id.
        viewer: a consumer_id.
        outcome: one of the outcomes, or ``none`` for attempts without one.
        since: the first day, UTC, on which the row was written by which an attempt is listed.
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
# A row that names the viewer or the agent of a filter: of a sign-in, only the row of its outcome does.
_named = ledger.alias("named")


def _newest(name: str) -> sa.ColumnElement[Any]:
    """Return a column of the outcome's row, or of the first row while there is no outcome or it has no value."""
    return sa.func.coalesce(ended.c[name], ledger.c[name]).label(name)


_COLUMNS = (
    *(ledger.c[name] for name in ("id", "at", "action", "attempt_id", "actor_kind", "request_id", "row_hash")),
    *(ended.c[name] for name in ("outcome", "zype_milliseconds")),
    *(_newest(name) for name in ("actor_id", "consumer_id", "linked_device_id", "reason", "ticket")),
    ended.c.at.label("ended_at"),
    ended.c.row_hash.label("outcome_row_hash"),
)
_IS_END = sa.and_(ended.c.attempt_id == ledger.c.attempt_id, ended.c.outcome.is_not(None))
_ATTEMPTS = ledger.outerjoin(ended, _IS_END)
_AGENT: sa.ColumnElement[str] = sa.literal_column(f"'{ActorKind.AGENT}'")


@dataclass(frozen=True)
class Listing:
    """How attempts are listed: each by one of its rows, in the order of an index that has these rows together.

    So a page costs what it shows, however many attempts there are before and after it.

    Args:
        query: for the attempts, without an order.
        row: by which each is listed.
    """

    query: sa.Select[Any]
    row: sa.FromClause

    @property
    def key(self) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
        """What the order goes by: the time of the row, and of the same moment its id."""
        return self.row.c.at, (ledger if self.row is pending else self.row).c.id


def listing(filters: AttemptFilter) -> Listing:
    """Return how the attempts that a filter asks for are listed.

    It is by the first row that names the viewer or the agent; of a filter with neither, by the row of the outcome. With
    none of these, and for attempts that have no outcome, it is by the row that began the attempt.
    """
    query, row = _listed(filters)
    # As an expression for pending attempts, or SQLite would walk the index of all rows that began one.
    began = sa.func.coalesce(ledger.c.outcome, "") == "" if row is pending else ledger.c.outcome.is_(None)
    return Listing(query.where(began, *_conditions(filters), *_days(filters, row)), row)


def last_rows(viewer: str) -> Listing:
    """Return how the attempts on a viewer's account are listed by the last row of each."""
    is_last = sa.or_(_named.c.outcome.is_not(None), ended.c.id.is_(None))
    query = _by_name(_named.c.consumer_id == viewer, is_last)
    return Listing(query.where(ledger.c.outcome.is_(None)), _named)


def _listed(filters: AttemptFilter) -> tuple[sa.Select[Any], sa.FromClause]:
    if filters.outcome == NO_OUTCOME:
        # The ledger decides all the same, but would have to be searched from one end to the other.
        # First, since SQLite moves no table to before an outer join.
        of_pending = pending.join(ledger, ledger.c.attempt_id == pending.c.attempt_id).outerjoin(ended, _IS_END)
        return sa.select(*_COLUMNS).select_from(of_pending), pending
    if filters.viewer is not None:
        is_first = sa.or_(_named.c.outcome.is_(None), ledger.c.consumer_id.is_distinct_from(filters.viewer))
        return _by_name(_named.c.consumer_id == filters.viewer, is_first), _named
    if filters.agent is not None:
        is_agent = sa.and_(_named.c.actor_kind == _AGENT, _named.c.actor_id == filters.agent)
        is_first = sa.or_(_named.c.outcome.is_(None), ledger.c.actor_id != filters.agent)
        return _by_name(is_agent, is_first), _named
    return sa.select(*_COLUMNS).select_from(_ATTEMPTS), ledger if filters.outcome is None else ended


def _by_name(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    named = _ATTEMPTS.join(_named, _named.c.attempt_id == ledger.c.attempt_id)
    return sa.select(*_COLUMNS).select_from(named).where(*conditions)


def _conditions(filters: AttemptFilter) -> Iterator[sa.ColumnElement[bool]]:
    """Yield what a filter asks of an attempt; whom it names, either of its rows may."""
    if filters.agent is not None:
        yield ledger.c.actor_kind == ActorKind.AGENT
        yield sa.or_(ledger.c.actor_id == filters.agent, ended.c.actor_id == filters.agent)
    if filters.viewer is not None:
        yield sa.or_(ledger.c.consumer_id == filters.viewer, ended.c.consumer_id == filters.viewer)
    if filters.outcome is not None:
        yield ended.c.outcome.is_(None) if filters.outcome == NO_OUTCOME else has_outcome(ended, filters.outcome)


def _days(filters: AttemptFilter, row: sa.FromClause) -> Iterator[sa.ColumnElement[bool]]:
    if filters.since is not None:
        yield row.c.at >= _midnight(filters.since)
    # date.max has no next day, and no attempt is after it.
    if filters.until is not None and filters.until < date.max:
        yield row.c.at < _midnight(filters.until + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
