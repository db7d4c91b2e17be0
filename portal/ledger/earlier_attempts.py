"""The same attempt made earlier, whose outcome is that of a new one: in flight, or refused a moment ago."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.domain.outcomes import Outcome, UnlinkOutcome
from portal.ledger.attempts import InFlight, Repeated
from portal.ledger.tables import decisive, ledger, pending

# For this long a PIN that was not found, or refused, is not sent again: a reload is no second guess. Not longer,
# because Zype may decide otherwise by then.
REPEAT_WITHIN = timedelta(seconds=60)
_REFUSALS = (Outcome.NOT_FOUND, Outcome.REFUSED)
_ACTOR_COLUMNS = ("action", "actor_kind", "actor_id")
_PIN_COLUMNS = ("consumer_id", "pin_fingerprint")
_SAME_COLUMNS = ("action", *_PIN_COLUMNS, "linked_device_id")
_IN_FLIGHT = sa.select(pending.c.attempt_id).where(
    pending.c.at > sa.bindparam("since"),
    # What lies ahead was written before the clock was set back, and may be long over.
    pending.c.at < sa.bindparam("until"),
    # An attempt to unlink has no PIN yet, and one to link has no device, so NULL has to equal NULL.
    *(pending.c[name].is_not_distinct_from(sa.bindparam(name)) for name in _SAME_COLUMNS),
)
# The newest row that decides what became of a PIN.
_LAST_WITH_PIN = (
    sa.select(*(ledger.c[name] for name in ("id", "at", "attempt_id", "outcome", *_ACTOR_COLUMNS)))
    .where(*(ledger.c[name] == sa.bindparam(name) for name in _PIN_COLUMNS), decisive)
    .order_by(ledger.c.id.desc())
    .limit(1)
)
# Whether any of the queries here can find a row.
has_earlier = sa.or_(
    _IN_FLIGHT.exists(),
    sa.exists().where(*(ledger.c[name] == sa.bindparam(name) for name in _PIN_COLUMNS)),
)
# Zype may have refused the PIN because the consumer had too many TVs.
_UNLINKED_SINCE = sa.select(ledger.c.id).where(
    ledger.c.consumer_id == sa.bindparam("consumer_id"),
    ledger.c.outcome == UnlinkOutcome.UNLINKED,
    ledger.c.id > sa.bindparam("id"),
)


def earlier_attempt(
    connection: Connection, row: Mapping[str, Any], join_within: timedelta, now: datetime
) -> InFlight | Repeated | None:
    """Return the attempt whose outcome is that of a new one too, or none if the new one has to be made.

    Args:
        connection: in the transaction that writes the new attempt.
        row: the new attempt's columns, by name.
        join_within: how young an attempt in flight for the same consumer and PIN or TV must be.
        now: the database's time, UTC.
    """
    attempt_id = connection.execute(_IN_FLIGHT, values_of_earlier(row, join_within, now)).scalar()
    return InFlight(attempt_id) if attempt_id else _repeated(connection, row, now)


def values_of_earlier(row: Mapping[str, Any], join_within: timedelta, now: datetime) -> dict[str, Any]:
    """Return the parameters of ``has_earlier``; the arguments are those of ``earlier_attempt``."""
    values = {name: row[name] for name in _SAME_COLUMNS}
    return values | {"since": now - join_within, "until": now + join_within}


def _repeated(connection: Connection, row: Mapping[str, Any], now: datetime) -> Repeated | None:
    """Return the actor's last attempt with the same PIN, if it was refused a moment ago and nothing came since."""
    if row["pin_fingerprint"] is None:
        return None
    last = connection.execute(_LAST_WITH_PIN, {name: row[name] for name in _PIN_COLUMNS}).mappings().first()
    if last is None or last["outcome"] not in _REFUSALS or abs(now - last["at"]) >= REPEAT_WITHIN:
        return None
    if any(last[name] != row[name] for name in _ACTOR_COLUMNS):
        return None
    if last["outcome"] == Outcome.REFUSED and _has_unlinked_since(connection, row["consumer_id"], last["id"]):
        return None
    return Repeated(last["attempt_id"], last["outcome"])


def _has_unlinked_since(connection: Connection, consumer_id: str, row_id: int) -> bool:
    return connection.execute(_UNLINKED_SINCE, {"consumer_id": consumer_id, "id": row_id}).first() is not None
