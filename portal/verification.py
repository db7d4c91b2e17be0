"""Whether the ledger still says what was written: every row by its keyed hash, and every attempt by its two halves."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from itertools import islice
from typing import Any

import sqlalchemy as sa

from portal.attempt_limits import PENDING_FOR
from portal.db import Database
from portal.keys import Keyring, Purpose
from portal.ledger_rows import canonical
from portal.ledger_tables import ledger
from portal.models import OUTCOMES

CHUNK = 1000
# What both halves of an attempt say alike, unless only Zype's answer told.
_ALIKE = ("action", "actor_kind", "request_id", "reason", "ticket", "subject_hash", "address_hash")
_TOLD_LATER = ("actor_id", "consumer_id", "linked_device_id", "pin_fingerprint")


@dataclass
class Report:
    """What a verification found.

    Args:
        checked: how many.
        what: was checked: rows of the ledger, or attempts of an export.
        faults: a sentence each, which names a row and says what is wrong with it.
        without_outcome: attempts that a crash left; no fault, but to be resolved.
    """

    checked: int = 0
    what: str = "attempts"
    faults: list[str] = field(default_factory=list)
    without_outcome: int = 0


class Verification:
    """Checks on one ledger. Every method raises sqlalchemy.exc.SQLAlchemyError where it can't be read.

    Args:
        database: where the ledger is.
        keyring: the keys that its rows may be signed with.
    """

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self.keyring = keyring

    def ledger(self) -> Report:
        """Check every row, and that each attempt has one beginning and at most one end that fits it."""
        report = Report(what="rows")
        unknown_keys: dict[str, int] = {}
        begun: dict[str, Mapping[str, Any]] = {}
        for row in self._rows():
            report.checked += 1
            name = f"row {row['id']}"
            key = self.keyring.find(row["key_id"])
            if key is None:
                unknown_keys[row["key_id"]] = unknown_keys.get(row["key_id"], 0) + 1
            elif not compare_digest(key.digest(Purpose.LEDGER_ROW, canonical(row)), row["row_hash"]):
                report.faults.append(f"{name}: it was changed or forged: its keyed hash is wrong")
            report.faults += [f"{name}: {fault}" for fault in _misfits(row, begun)]
        report.faults += [
            f"{count} rows are signed by the key {key_id}, which is not set: "
            "set PORTAL_LEDGER_KEY_PREVIOUS to the key of that time"
            for key_id, count in unknown_keys.items()
        ]
        report.without_outcome = self._crashed(begun)
        return report

    def export(self, lines: Iterable[Mapping[str, str]]) -> Report:
        """Check that what an export tells of is still in the ledger, as it was.

        Args:
            lines: of the export, whose own digest is right.
        """
        report = Report()
        left = iter(lines)
        while chunk := list(islice(left, CHUNK)):
            hashes = self._hashes([line.get("attempt_id", "") for line in chunk])
            for line in chunk:
                report.checked += 1
                report.faults += _missing(line, hashes.get(line.get("attempt_id", ""), set()))
        return report

    def _rows(self) -> Iterator[dict[str, Any]]:
        last = None
        while True:
            query = sa.select(ledger).order_by(ledger.c.id).limit(CHUNK)
            if last is not None:
                query = query.where(ledger.c.id > last)
            with self._database.read() as connection:
                rows = connection.execute(query).mappings().all()
            if not rows:
                return
            yield from map(dict, rows)
            last = rows[-1]["id"]

    def _hashes(self, attempt_ids: list[str]) -> dict[str, set[str]]:
        query = sa.select(ledger.c.attempt_id, ledger.c.row_hash).where(ledger.c.attempt_id.in_(attempt_ids))
        found: dict[str, set[str]] = {}
        with self._database.read() as connection:
            for attempt_id, row_hash in connection.execute(query):
                found.setdefault(attempt_id, set()).add(row_hash)
        return found

    def _crashed(self, begun: Mapping[str, Mapping[str, Any]]) -> int:
        with self._database.read() as connection:
            before = self._database.now(connection) - PENDING_FOR
        return sum(row["at"] < before for row in begun.values())


def _misfits(row: Mapping[str, Any], begun: dict[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong between a row and its other half; ``begun`` holds the attempts that have no end yet."""
    attempt_id = row["attempt_id"]
    if row["action"] not in list(OUTCOMES):
        yield f"there is no action {row['action']}"
        return
    if row["outcome"] is None:
        if attempt_id in begun:
            yield f"attempt {attempt_id} begins a second time"
        begun[attempt_id] = row
        return
    if row["outcome"] not in OUTCOMES[row["action"]]:
        yield f"an attempt to {row['action']} can't end with {row['outcome']}"
    beginning = begun.pop(attempt_id, None)
    if beginning is None:
        yield f"it is the end of attempt {attempt_id}, which has no beginning, or another end before it"
        return
    yield from _contradictions(beginning, row)


def _contradictions(beginning: Mapping[str, Any], end: Mapping[str, Any]) -> Iterator[str]:
    for column in _ALIKE:
        if beginning[column] != end[column]:
            yield f"its {column} is not that of row {beginning['id']}, which began the attempt"
    for column in _TOLD_LATER:
        if beginning[column] and beginning[column] != end[column]:
            yield f"its {column} is not that of row {beginning['id']}, which began the attempt"


def _missing(line: Mapping[str, str], hashes: set[str]) -> Iterator[str]:
    """Yield what the ledger no longer says of an attempt."""
    for column, which in (("row_hash", "beginning"), ("outcome_row_hash", "end")):
        if column in line and line[column] not in hashes:
            yield f"attempt {line.get('attempt_id')}: the ledger lacks the row of its {which}, or has another"
