"""Limits on attempts, counted from the ledger in the transaction that writes the attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from limits import RateLimitItem
from sqlalchemy.engine import Connection

from portal.ledger.tables import by_agent, counted, ledger, pending, spent

# An attempt without an outcome counts for this long; after that its process must have crashed.
PENDING_TIMEOUT = timedelta(seconds=60)
# When to try again if attempts in flight fill the limit: most end sooner.
PENDING_RETRY = timedelta(seconds=10)


@dataclass(frozen=True)
class Limit:
    """How many attempts of one action with the same values in some columns are allowed in a time window.

    Args:
        columns: of the ledger, such as ``("address_hash",)``; attempts with the same values begin one after the other.
        items: amounts and time windows; all of them apply. With none, there is only the lock.
        group_by: further columns whose values the counted attempts share, such as ``("actor_kind",)``; they take no
            part in the lock.
        is_budget: count all that an agent did, successes included, and not only what may have been a guess.
    """

    columns: tuple[str, ...]
    items: tuple[RateLimitItem, ...]
    group_by: tuple[str, ...] = ()
    is_budget: bool = False

    @property
    def shared_columns(self) -> tuple[str, ...]:
        """The columns whose values the counted attempts share."""
        return (*self.columns, *self.group_by)

    def lock_name(self, attempt: Mapping[str, Any]) -> str:
        """Return the name of the lock that attempts with the same values share."""
        return "|".join(f"{column}={attempt[column]}" for column in self.columns)


def blocked_until(
    connection: Connection, attempt: Mapping[str, Any], limits: tuple[Limit, ...], now: datetime
) -> datetime | None:
    """Return when the next attempt may be made, or none if this one may go on.

    Args:
        connection: in a transaction that holds the limits' locks, or the count is not exact.
        attempt: the attempt's columns, by name.
        now: the database's time, UTC.
    """
    if not any(limit.items for limit in limits):
        return None
    values = {name: attempt[name] for name in ("action", *{c for limit in limits for c in limit.shared_columns})}
    in_flight = connection.execute(_in_flight(limits), values | {"since": now - PENDING_TIMEOUT}).one()
    items = [(item, item.amount - n) for limit, n in zip(limits, in_flight, strict=True) for item in limit.items]
    if any(room <= 0 for _, room in items):
        return now + PENDING_RETRY
    windows = [timedelta(seconds=item.get_expiry()) for item, _ in items]
    for number, ((_, room), window) in enumerate(zip(items, windows, strict=True)):
        # If the window has at least as many attempts as there is room for, the room-th newest has to leave it first.
        values |= {f"offset_{number}": room - 1, f"since_{number}": now - window}
    found = connection.execute(_blocking_attempts(limits), values).one()
    return max((at + window for at, window in zip(found, windows, strict=True) if at), default=None)


# The statements below are cached, since building one costs more than running it.


@cache
def _in_flight(limits: tuple[Limit, ...]) -> sa.Select[Any]:
    """Return the query for the number of attempts in flight, one column for each limit."""
    return sa.select(
        *(
            sa.select(sa.func.count())
            .select_from(pending)
            .where(
                pending.c.at > sa.bindparam("since"),
                *(pending.c[name] == sa.bindparam(name) for name in ("action", *limit.shared_columns)),
            )
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
            .where(
                ledger.c.at > sa.bindparam(f"since_{number}"),
                *(ledger.c[name] == sa.bindparam(name) for name in ("action", *limit.shared_columns)),
                *((by_agent, spent) if limit.is_budget else (counted,)),
            )
            .order_by(ledger.c.at.desc())
            .offset(sa.bindparam(f"offset_{number}", type_=sa.Integer))
            .limit(1)
            .scalar_subquery()
            for number, limit in enumerate(pairs)
        )
    )
