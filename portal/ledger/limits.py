"""Limits on attempts: how many with the same values, in which time window, and which attempts count."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any, NamedTuple

import sqlalchemy as sa
from limits import RateLimitItem

from portal.ledger.tables import (
    authenticated,
    by_agent,
    counted,
    counted_or_busy,
    failed,
    has_value,
    mailed,
    malformed,
    password_mails,
    spent,
    stopped,
)
from portal.settings.rates import SITE_FACTOR, times

# An attempt without an outcome counts for this long; after that its process must have crashed.
PENDING_TIMEOUT = timedelta(seconds=60)


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


class Kind(NamedTuple):
    """The values of an attempt in the columns that have few."""

    action: str
    actor_kind: str


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

    def same_values(self, table: sa.Table, kind: Kind) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for rows that this limit counts together with an attempt of a kind."""
        written = {"action": kind.action, "actor_kind": kind.actor_kind}
        return [
            has_value(table.c[name], written[name]) if name in written else table.c[name] == sa.bindparam(name)
            for name in ("action", *self.shared_columns)
        ]

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
