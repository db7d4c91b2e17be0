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

# An attempt without an outcome counts for this long at most; after that its process has crashed.
PENDING_TIMEOUT = timedelta(seconds=60)
# What to wait for when attempts that are still under way fill the limit: most end sooner.
PENDING_WAIT = timedelta(seconds=10)


@dataclass(frozen=True)
class Limit:
    """How many attempts of one action may share the values of some columns in a while.

    Args:
        columns: names of columns of the ledger, such as ``("address_hash",)``.
        items: so many in such a while; every one of them must hold. With none, attempts are only kept apart.
        among: further columns whose values the counted attempts share, such as ``("actor_kind",)``; they take no
            part in the lock.
        is_budget: count what an agent did, successes included, and not only what may have been a guess.
    """

    columns: tuple[str, ...]
    items: tuple[RateLimitItem, ...]
    among: tuple[str, ...] = ()
    is_budget: bool = False

    @property
    def shared(self) -> tuple[str, ...]:
        """The columns whose values the counted attempts share."""
        return (*self.columns, *self.among)

    def lock_name(self, attempt: Mapping[str, Any]) -> str:
        """Return the name of what two attempts share that must be judged one after the other."""
        return "|".join(f"{column}={attempt[column]}" for column in self.columns)


def blocked_until(
    connection: Connection, attempt: Mapping[str, Any], limits: tuple[Limit, ...], now: datetime
) -> datetime | None:
    """Return when the next attempt may be made, or none if this one may go on.

    Args:
        connection: of a unit that writes, which holds the locks that make the count true.
        attempt: the attempt's columns, by name.
        limits: each of them must hold.
        now: the database's time, UTC.
    """
    if not any(limit.items for limit in limits):
        return None
    values = {name: attempt[name] for name in ("action", *{c for limit in limits for c in limit.shared})}
    under_way = connection.execute(_under_way(limits), values | {"since": now - PENDING_TIMEOUT}).one()
    items = [(item, item.amount - n) for limit, n in zip(limits, under_way, strict=True) for item in limit.items]
    if any(room <= 0 for _, room in items):
        return now + PENDING_WAIT
    windows = [timedelta(seconds=item.get_expiry()) for item, _ in items]
    for number, ((_, room), window) in enumerate(zip(items, windows, strict=True)):
        # With as many as there is room for, the room-th newest has to fall out of the window first.
        values |= {f"offset_{number}": room - 1, f"since_{number}": now - window}
    found = connection.execute(_last_in_the_way(limits), values).one()
    return max((at + window for at, window in zip(found, windows, strict=True) if at), default=None)


# The statements below are the same for every attempt, and building one costs more than running it.


@cache
def _under_way(limits: tuple[Limit, ...]) -> sa.Select[Any]:
    """Return the query for how many attempts are under way, one number a limit."""
    return sa.select(
        *(
            sa.select(sa.func.count())
            .select_from(pending)
            .where(
                pending.c.at > sa.bindparam("since"),
                *(pending.c[name] == sa.bindparam(name) for name in ("action", *limit.shared)),
            )
            .scalar_subquery()
            for limit in limits
        )
    )


@cache
def _last_in_the_way(limits: tuple[Limit, ...]) -> sa.Select[Any]:
    """Return the query for the time of the attempt that has to be forgotten first, one an item of a limit."""
    pairs = [limit for limit in limits for _ in limit.items]
    return sa.select(
        *(
            sa.select(ledger.c.at)
            .where(
                ledger.c.at > sa.bindparam(f"since_{number}"),
                *(ledger.c[name] == sa.bindparam(name) for name in ("action", *limit.shared)),
                *((by_agent, spent) if limit.is_budget else (counted,)),
            )
            .order_by(ledger.c.at.desc())
            .offset(sa.bindparam(f"offset_{number}", type_=sa.Integer))
            .limit(1)
            .scalar_subquery()
            for number, limit in enumerate(pairs)
        )
    )
