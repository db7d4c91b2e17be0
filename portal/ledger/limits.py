"""Limits on attempts, counted from the ledger in the transaction that writes the attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import cache
from typing import Any

import sqlalchemy as sa
from limits import RateLimitItem
from sqlalchemy.engine import Connection

from portal.ledger.tables import (
    authenticated,
    by_agent,
    counted,
    counted_or_busy,
    failed,
    ledger,
    mailed,
    malformed,
    password_mails,
    pending,
    spent,
    stopped,
)
from portal.settings.rates import SITE_FACTOR, times

# An attempt without an outcome counts for this long; after that its process must have crashed.
PENDING_TIMEOUT = timedelta(seconds=60)
# When to try again if attempts in flight fill the limit: most end sooner.
PENDING_RETRY = timedelta(seconds=10)


class Counts(Enum):
    """Which attempts a limit counts, besides those in flight."""

    # What may have been a guess.
    GUESSES = auto()
    # The same, and sign-ins that were turned away because too many were under way.
    GUESSES_AND_BUSY = auto()
    # Successes too: with a stolen account they do harm.
    ALL_OF_AN_AGENT = auto()
    # Sign-ins whose password was right.
    SUCCESSES = auto()
    # Mails to set a new password that may have been sent, to an account that exists or not.
    MAILS = auto()
    # What no PIN, address or id can be.
    MALFORMED = auto()
    MALFORMED_BY_AN_AGENT = auto()


# Of each, the first condition is that of a partial index.
_CONDITIONS = {
    Counts.GUESSES: (failed, counted),
    Counts.GUESSES_AND_BUSY: (failed, counted_or_busy),
    Counts.ALL_OF_AN_AGENT: (by_agent, spent),
    Counts.SUCCESSES: (authenticated,),
    Counts.MAILS: (password_mails, mailed),
    Counts.MALFORMED: (failed, malformed),
    Counts.MALFORMED_BY_AN_AGENT: (by_agent, malformed),
}


@dataclass(frozen=True)
class Limit:
    """How many attempts of one action with the same values in some columns are allowed in a time window.

    Args:
        columns: of the ledger, such as ``("address_hash",)``; attempts with the same values begin one after the other.
            Attempts that lack one of them are not limited.
        items: amounts and time windows; all of them apply. With none, there is only the lock.
        group_by: further columns whose values the counted attempts share, such as ``("actor_kind",)``; they take no
            part in the lock.
        counts: which attempts count.
    """

    columns: tuple[str, ...]
    items: tuple[RateLimitItem, ...]
    group_by: tuple[str, ...] = ()
    counts: Counts = Counts.GUESSES

    @property
    def shared_columns(self) -> tuple[str, ...]:
        """The columns whose values the counted attempts share."""
        return (*self.columns, *self.group_by)

    def applies_to(self, attempt: Mapping[str, Any]) -> bool:
        """Tell whether the attempt has every column that this limit is about."""
        return all(attempt[column] is not None for column in self.columns)

    def lock_name(self, attempt: Mapping[str, Any]) -> str:
        """Return the name of the lock that attempts with the same values share."""
        return "|".join(f"{column}={attempt[column]}" for column in self.columns)

    def same_values(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for rows that this limit counts together with an attempt."""
        return [table.c[name] == sa.bindparam(name) for name in ("action", *self.shared_columns)]

    @property
    def counted(self) -> tuple[sa.TextClause, ...]:
        """The conditions for rows that this limit counts; the first of them is that of a partial index."""
        return _CONDITIONS[self.counts]

    @property
    def stopped(self) -> tuple[sa.TextClause, ...]:
        """The same for rows of attempts that were stopped."""
        return by_agent if self.counts is Counts.ALL_OF_AN_AGENT else failed, stopped


def address_limits(items: tuple[RateLimitItem, ...], counts: Counts = Counts.GUESSES) -> tuple[Limit, Limit]:
    """Return the limits on an address: by itself, and for IPv6 tenfold on the /48 network that it belongs to."""
    return (
        Limit(("address_hash",), items, counts=counts),
        Limit(("site_hash",), times(items, SITE_FACTOR), counts=counts),
    )


@dataclass(frozen=True)
class Blocked:
    """Which limits stop an attempt, each with its time window, and when it may be tried again."""

    reached: tuple[tuple[Limit, timedelta], ...]
    until: datetime


def blocked(
    connection: Connection, attempt: Mapping[str, Any], limits: tuple[Limit, ...], now: datetime
) -> Blocked | None:
    """Return which of the limits stop this attempt, or none if it may go on.

    Args:
        connection: in a transaction that holds the limits' locks, or the count is not exact.
        attempt: the attempt's columns, by name. It is not in the ledger yet.
        limits: that apply to the attempt.
        now: the database's time, UTC.
    """
    if not any(limit.items for limit in limits):
        return None
    values = _values(attempt, limits)
    in_flight = connection.execute(_in_flight(limits), values | {"since": now - PENDING_TIMEOUT}).one()
    pairs = [(limit, timedelta(seconds=item.get_expiry())) for limit in limits for item in limit.items]
    rooms = [item.amount - n for limit, n in zip(limits, in_flight, strict=True) for item in limit.items]
    if any(room <= 0 for room in rooms):
        full = tuple(pair for pair, room in zip(pairs, rooms, strict=True) if room <= 0)
        return Blocked(full, now + PENDING_RETRY)
    for number, (room, (_, window)) in enumerate(zip(rooms, pairs, strict=True)):
        # If the window has at least as many attempts as there is room for, the room-th newest has to leave it first.
        values |= {f"offset_{number}": room - 1, f"since_{number}": now - window}
    found = connection.execute(_blocking_attempts(limits), values).one()
    reached = tuple((pair, at) for pair, at in zip(pairs, found, strict=True) if at)
    if not reached:
        return None
    return Blocked(tuple(pair for pair, _ in reached), max(at + window for (_, window), at in reached))


def has_row(connection: Connection, attempt: Mapping[str, Any], stop: Blocked, now: datetime) -> bool:
    """Tell whether an attempt that one of these limits stopped has a row already, in its window.

    The first has; the others would let anybody fill the ledger, and say nothing new.
    """
    limits = tuple(limit for limit, _ in stop.reached)
    since = {f"since_{number}": now - window for number, (_, window) in enumerate(stop.reached)}
    return any(connection.execute(_stopped_attempts(limits), _values(attempt, limits) | since).one())


def has_authenticated(connection: Connection, subject_hash: str | None, address_hashes: Sequence[str]) -> bool:
    """Tell whether the subject of a sign-in has given the right password from this address before."""
    values = {"subject_hash": subject_hash, "address_hashes": list(address_hashes)}
    return connection.execute(_AUTHENTICATED, values).first() is not None


def _values(attempt: Mapping[str, Any], limits: Sequence[Limit]) -> dict[str, Any]:
    return {name: attempt[name] for name in ("action", *{c for limit in limits for c in limit.shared_columns})}


_AUTHENTICATED = (
    sa.select(ledger.c.id)
    .where(
        ledger.c.subject_hash == sa.bindparam("subject_hash"),
        ledger.c.address_hash.in_(sa.bindparam("address_hashes", expanding=True)),
        authenticated,
    )
    .limit(1)
)


# The statements below are cached, since building one costs more than running it.


@cache
def _in_flight(limits: tuple[Limit, ...]) -> sa.Select[Any]:
    """Return the query for the number of attempts in flight, one column for each limit."""
    return sa.select(
        *(
            sa.select(sa.func.count())
            .select_from(pending)
            .where(pending.c.at > sa.bindparam("since"), *limit.same_values(pending))
            .scalar_subquery()
            for limit in limits
        )
    )


@cache
def _blocking_attempts(limits: tuple[Limit, ...]) -> sa.Select[Any]:
    """Return the query for the time of the attempt that has to leave the window, one column for each item."""
    pairs = [limit for limit in limits for _ in limit.items]
    return sa.select(
        *(
            sa.select(ledger.c.at)
            .where(ledger.c.at > sa.bindparam(f"since_{number}"), *limit.same_values(ledger), *limit.counted)
            .order_by(ledger.c.at.desc())
            .offset(sa.bindparam(f"offset_{number}", type_=sa.Integer))
            .limit(1)
            .scalar_subquery()
            for number, limit in enumerate(pairs)
        )
    )


@cache
def _stopped_attempts(limits: tuple[Limit, ...]) -> sa.Select[Any]:
    """Return the query for whether there is a row of a stopped attempt, one column for each limit."""
    found: list[Any] = [
        sa.exists().where(ledger.c.at > sa.bindparam(f"since_{number}"), *limit.same_values(ledger), *limit.stopped)
        for number, limit in enumerate(limits)
    ]
    return sa.select(*found)
