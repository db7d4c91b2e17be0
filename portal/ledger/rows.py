"""Conversion of an attempt to a signed row of the ledger, and of a row to what the rules read."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action
from portal.ledger.attempts import Attempt, Entry, PastAttempt
from portal.ledger.tables import ledger
from portal.settings.keys import Keyring, LedgerKey, Purpose

Record = TypeVar("Record", Entry, PastAttempt)

ENTRY_COLUMNS = tuple(ledger.c[name] for name in Entry.__dataclass_fields__)
# Columns that older rows lack. They are signed where they have a value, so that those rows keep their hashes.
_ADDED = ("site_hash",)
_SIGNED = tuple(column.name for column in ledger.c if column.name not in ("id", "row_hash", *_ADDED))

_encode = json.JSONEncoder(separators=(",", ":")).encode


def row_of(attempt: Attempt, keyring: Keyring) -> dict[str, Any]:
    """Return the columns of an attempt without an outcome; of the address only a hash."""
    return {
        "action": attempt.action.value,
        "attempt_id": attempt.id,
        "outcome": None,
        "actor_kind": attempt.actor.kind.value,
        "actor_id": attempt.actor.id,
        "consumer_id": attempt.consumer_id,
        "linked_device_id": attempt.linked_device_id,
        "pin_fingerprint": attempt.pin_fingerprint,
        "subject_hash": attempt.subject_hash,
        "reason": attempt.reason.text if attempt.reason else None,
        "ticket": attempt.reason.ticket if attempt.reason else None,
        "request_id": attempt.actor.request_id,
        "address_hash": keyring.address(attempt.actor.address),
        "zype_milliseconds": None,
        "site_hash": keyring.site(attempt.actor.address),
    }


def sign(row: Mapping[str, Any], key: LedgerKey, now: datetime) -> dict[str, Any]:
    """Return a row with its time, the id of its key, and the keyed hash of all columns."""
    row = {**row, "at": now, "key_id": key.id}
    return {**row, "row_hash": key.digest(Purpose.LEDGER_ROW, canonical(row))}


def canonical(row: Mapping[str, Any]) -> str:
    """Return the text that is hashed: every column but the id and the hash itself."""
    values = {**row, "at": row["at"].isoformat(timespec="microseconds")}
    added = [[name, values[name]] for name in _ADDED if values.get(name) is not None]
    return _encode([*[values[name] for name in _SIGNED], *added])


def from_row(kind: type[Record], row: dict[str, Any]) -> Record:
    """Return an entry or a past attempt from a row that was read with exactly its columns."""
    return kind(**row | {"action": Action(row["action"]), "actor_kind": ActorKind(row["actor_kind"])})
