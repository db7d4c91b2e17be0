"""Which outcome calls for a notice: written to the outbox in the transaction that writes the outcome."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.ledger.tables import has_value, ledger
from portal.mail.outbox import UNKNOWN_NOTICES, NoticeKind, NoticeState, outbox
from portal.viewers.preferences import tv_names

# How long an agent has to find out what became of an attempt that ended unknown, before its viewer is told. A PIN lasts
# about half of this, and only by trying it again can it be found out.
UNKNOWN_DELAY = timedelta(hours=1)

_QUEUE = outbox.insert()
# An operator resolves an attempt whose viewer was told, or is about to be, that nobody knows what became of it.
_REPLACE = outbox.delete().where(
    outbox.c.attempt_id == sa.bindparam("resolved"), outbox.c.kind.in_(UNKNOWN_NOTICES.values())
)
_TV_NAME = sa.select(tv_names.c.name).where(
    tv_names.c.consumer_id == sa.bindparam("consumer_id"),
    tv_names.c.linked_device_id == sa.bindparam("linked_device_id"),
)
_LINKED_FROM_ADDRESS = (
    sa.select(ledger.c.id)
    .where(
        ledger.c.consumer_id == sa.bindparam("consumer_id"),
        has_value(ledger.c.actor_kind, ActorKind.VIEWER),
        has_value(ledger.c.action, Action.LINK),
        has_value(ledger.c.outcome, Outcome.LINKED),
        ledger.c.address_hash.in_(sa.bindparam("address_hashes", expanding=True)),
    )
    .limit(1)
)


def queue_notice(
    connection: Connection, row: Mapping[str, Any], address_hashes: Sequence[str], now: datetime, done_at: datetime
) -> None:
    """Write the notice that an outcome calls for, if any.

    Args:
        connection: of the transaction that is about to write the outcome.
        row: the outcome's columns, by name.
        address_hashes: every hash that rows of any age may hold for the actor's address.
        now: the database's time, UTC.
        done_at: when it was done, for the text of the notice.
    """
    kind = _kind(connection, row, address_hashes)
    if kind is None:
        return
    due_at = now + UNKNOWN_DELAY if kind in UNKNOWN_NOTICES.values() else now
    connection.execute(_REPLACE, {"resolved": row["attempt_id"]})
    connection.execute(_QUEUE, new_notice(connection, row, kind, done_at, due_at))


def new_notice(
    connection: Connection, row: Mapping[str, Any] | RowMapping, kind: NoticeKind, done_at: datetime, due_at: datetime
) -> dict[str, Any]:
    """Return the columns of a notice of an attempt, whose columns are ``row``."""
    # Read now, because an unlinked TV loses its name.
    tv = {name: row[name] for name in ("consumer_id", "linked_device_id")}
    return {
        "attempt_id": row["attempt_id"],
        "kind": kind,
        "consumer_id": row["consumer_id"],
        "tv_name": connection.execute(_TV_NAME, tv).scalar(),
        "at": done_at,
        "state": NoticeState.WAITING,
        "tries": 0,
        "due_at": due_at,
    }


def _kind(connection: Connection, row: Mapping[str, Any], address_hashes: Sequence[str]) -> NoticeKind | None:
    is_link = row["action"] == Action.LINK and row["outcome"] == Outcome.LINKED
    is_unlink = row["action"] in (Action.UNLINK, Action.UNDO) and row["outcome"] == UnlinkOutcome.UNLINKED
    # An agent's own sessions have no viewer.
    is_sign_out = row["action"] == Action.SIGN_OUT_EVERYWHERE and row["consumer_id"] is not None
    if row["actor_kind"] == ActorKind.AGENT:
        if row["outcome"] == Outcome.UNKNOWN:
            return UNKNOWN_NOTICES.get(row["action"])
        by_agent = {
            NoticeKind.LINKED_BY_AGENT: is_link,
            NoticeKind.UNLINKED_BY_AGENT: is_unlink,
            NoticeKind.SIGNED_OUT_BY_AGENT: is_sign_out,
        }
        return next((kind for kind, is_it in by_agent.items() if is_it), None)
    if not is_link:
        return None
    values = {"consumer_id": row["consumer_id"], "address_hashes": list(address_hashes)}
    is_known = connection.execute(_LINKED_FROM_ADDRESS, values).first() is not None
    return None if is_known else NoticeKind.LINKED_FROM_NEW_ADDRESS
