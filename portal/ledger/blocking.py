"""Which limits stop an attempt, counted from the ledger in the transaction that writes the attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.ledger.limits import PENDING_TIMEOUT, Kind, Limit
from portal.ledger.tables import authenticated, ledger, pending

# When to try again if attempts in flight fill the limit: most end sooner.
PENDING_RETRY = timedelta(seconds=10)


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
    kind, values = kind_of(attempt), _values(attempt, limits)
    in_flight = connection.execute(_in_flight(limits, kind), values | {"since": now - PENDING_TIMEOUT}).one()
    pairs = [(limit, timedelta(seconds=item.get_expiry())) for limit in limits for item in limit.items]
    rooms = [item.amount - n for limit, n in zip(limits, in_flight, strict=True) for item in limit.items]
    if any(room <= 0 for room in rooms):
        full = tuple(pair for pair, room in zip(pairs, rooms, strict=True) if room <= 0)
        return Blocked(full, now + PENDING_RETRY)
    for number, (room, (_, window)) in enumerate(zip(rooms, pairs, strict=True)):
        # If the window has at least as many attempts as there is room for, the room-th newest has to leave it first.
        values |= {f"offset_{number}": room - 1, f"since_{number}": now - window}
    found = connection.execute(_blocking_attempts(limits, kind), values).one()
    reached = tuple((pair, at) for pair, at in zip(pairs, found, strict=True) if at)
    if not reached:
        return None
    # On PostgreSQL an outcome may have been written since ``now``: it takes no locks.
    until = max(min(at, now) + window for (_, window), at in reached)
    return Blocked(tuple(pair for pair, _ in reached), until)


def is_full(limits: tuple[Limit, ...], kind: Kind) -> sa.ColumnElement[bool]:
    """Return the condition that a limit has no room for an attempt of a kind; ``values_of_rooms`` has its values."""
    items = [(limit, item) for limit in limits for item in limit.items]
    return sa.or_(
        sa.false(),
        *(
            _number_in_flight(limit, kind, "since_in_flight")
            + _number_counted(limit, kind, item.amount, f"since_{item.get_expiry()}")
            >= item.amount
            for limit, item in items
        ),
    )


def values_of_rooms(attempt: Mapping[str, Any], limits: tuple[Limit, ...], now: datetime) -> dict[str, Any]:
    """Return the values of the parameters of ``is_full``; the arguments are those of ``blocked``."""
    windows = {item.get_expiry() for limit in limits for item in limit.items}
    since = {f"since_{seconds}": now - timedelta(seconds=seconds) for seconds in windows}
    return {**_values(attempt, limits), **since, "since_in_flight": now - PENDING_TIMEOUT}


def kind_of(attempt: Mapping[str, Any]) -> Kind:
    """Return the kind of an attempt, of which the columns are given by name."""
    return Kind(attempt["action"], attempt["actor_kind"])


def has_row(connection: Connection, attempt: Mapping[str, Any], stop: Blocked, now: datetime) -> bool:
    """Tell whether an attempt that one of these limits stopped has a row already, in its window.

    The first has; the others would let anybody fill the ledger, and say nothing new.
    """
    limits = tuple(limit for limit, _ in stop.reached)
    since = {f"since_{number}": now - window for number, (_, window) in enumerate(stop.reached)}
    values = _values(attempt, limits) | since
    return any(connection.execute(_stopped_attempts(limits, kind_of(attempt)), values).one())


def has_authenticated(connection: Connection, subject_hash: str | None, address_hashes: Sequence[str]) -> bool:
    """Tell whether the subject of a sign-in has given the right password from this address before."""
    values = {"subject_hash": subject_hash, "address_hashes": list(address_hashes)}
    return connection.execute(_AUTHENTICATED, values).first() is not None


def _values(attempt: Mapping[str, Any], limits: Sequence[Limit]) -> dict[str, Any]:
    shared = {name for limit in limits for name in limit.shared_columns}
    return {name: attempt[name] for name in shared.difference(Kind._fields)}


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
def _in_flight(limits: tuple[Limit, ...], kind: Kind) -> sa.Select[Any]:
    """Return the query for the number of attempts in flight, one column for each limit."""
    numbers: list[Any] = [_number_in_flight(limit, kind, "since") for limit in limits]
    return sa.select(*numbers)


def _number_in_flight(limit: Limit, kind: Kind, since: str) -> sa.ScalarSelect[int]:
    """Return the number of attempts in flight that a limit counts, begun after the parameter named ``since``."""
    in_flight = (pending.c.at > sa.bindparam(since), *limit.same_values(pending, kind))
    return sa.select(sa.func.count()).select_from(pending).where(*in_flight).scalar_subquery()


def _number_counted(limit: Limit, kind: Kind, at_most: int, since: str) -> sa.ScalarSelect[int]:
    """Return the number of ended attempts that a limit counts, and no more than so many."""
    found = sa.select(ledger.c.id).where(*_counted(limit, kind, since)).limit(at_most).subquery()
    return sa.select(sa.func.count()).select_from(found).scalar_subquery()


def _counted(limit: Limit, kind: Kind, since: str) -> list[Any]:
    """Return the conditions for ended attempts that a limit counts, later than the parameter named ``since``."""
    return [ledger.c.at > sa.bindparam(since), *limit.same_values(ledger, kind), *limit.counted]


@cache
def _blocking_attempts(limits: tuple[Limit, ...], kind: Kind) -> sa.Select[Any]:
    """Return the query for the time of the attempt that has to leave the window, one column for each item."""
    pairs = [limit for limit in limits for _ in limit.items]
    return sa.select(
        *(
            sa.select(ledger.c.at)
            .where(*_counted(limit, kind, f"since_{number}"))
            .order_by(ledger.c.at.desc())
            .offset(sa.bindparam(f"offset_{number}", type_=sa.Integer))
            .limit(1)
            .scalar_subquery()
            for number, limit in enumerate(pairs)
        )
    )


@cache
def _stopped_attempts(limits: tuple[Limit, ...], kind: Kind) -> sa.Select[Any]:
    """Return the query for whether there is a row of a stopped attempt, one column for each limit."""
    found: list[Any] = [
        sa.exists().where(
            ledger.c.at > sa.bindparam(f"since_{number}"), *limit.same_values(ledger, kind), *limit.stopped
        )
        for number, limit in enumerate(limits)
    ]
    return sa.select(*found)
