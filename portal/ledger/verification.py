"""Verification that the ledger is unchanged: each row by its keyed hash, each attempt by its two rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hmac import compare_digest
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa

from portal.database.database import Database
from portal.domain.outcomes import OUTCOMES
from portal.ledger.limits import PENDING_TIMEOUT
from portal.ledger.rows import canonical
from portal.ledger.tables import ledger
from portal.settings.keys import Keyring, LedgerKey, Purpose

CHUNK_SIZE = 1000
# Columns that are the same in both rows of an attempt, and columns that may be empty in the first.
_SAME_COLUMNS = ("action", "actor_kind", "request_id", "reason", "ticket", "subject_hash", "address_hash", "site_hash")
_LATER_COLUMNS = ("actor_id", "consumer_id", "linked_device_id", "pin_fingerprint")

Row = Mapping[str, Any]
# The id of a row, and what is wrong with it.
Fault = tuple[int, str]


@dataclass
class Report:
    """The result of a verification.

    Args:
        checked: how many rows or attempts.
        unit: what they are called, in the singular: a row of the ledger, or an attempt of an export.
        faults: a sentence each, which names a row and says what is wrong with it.
        without_outcome: attempts that lost their process; not faults, but to be resolved.
    """

    checked: int = 0
    unit: str = "attempt"
    faults: list[str] = field(default_factory=list)
    without_outcome: int = 0


class Findings:
    """What is wrong with attempts, each of which is added with all of its rows, ordered by id."""

    def __init__(self, keyring: Keyring) -> None:
        self._keys: dict[object, LedgerKey] = {key.id: key for key in (keyring.current, *keyring.previous)}
        self._faults: list[Fault] = []
        self._unknown: dict[object, list[int]] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Check each row, and that the attempt has one first row and at most one outcome that fits it."""
        for row in rows:
            if row["key_id"] not in self._keys:
                self._unknown.setdefault(row["key_id"], []).append(row["id"])
            elif not _is_signed(row, self._keys[row["key_id"]]):
                self._faults.append((row["id"], "it was changed or forged: its keyed hash is wrong"))
            self._faults += ((row["id"], fault) for fault in _invalid_values(row))
        self._faults += _inconsistencies(rows)

    def sentences(self) -> list[str]:
        """Return a sentence for each fault, in the order of the rows."""
        found = [f"row {number}: {fault}" for number, fault in sorted(self._faults)]
        return found + [_unknown_key(key_id, ids) for key_id, ids in self._unknown.items()]


class Verification:
    """Checks on one ledger. Every method raises sqlalchemy.exc.SQLAlchemyError if it can't be read."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self.keyring = keyring

    def ledger(self) -> Report:
        """Check every row, and that each attempt has one first row and at most one outcome that fits it."""
        with self._database.read() as connection:
            crashed_before = self._database.now(connection) - PENDING_TIMEOUT
        report = Report(unit="row")
        findings = Findings(self.keyring)
        for _, attempt in groupby(self._rows(), key=lambda row: row["attempt_id"]):
            rows = list(attempt)
            report.checked += len(rows)
            report.without_outcome += _has_crashed(rows, crashed_before)
            findings.add(rows)
        report.faults = findings.sentences()
        return report

    def export(self, lines: Iterable[Mapping[str, str]], archived: Iterable[Row] = ()) -> Report:
        """Check that the rows of an export, whose own digest is right, are in the ledger or among the archived ones."""
        report = Report()
        missing: list[Mapping[str, str]] = []
        kept: dict[str, set[str]] = {}
        remaining = iter(lines)
        while chunk := list(islice(remaining, CHUNK_SIZE)):
            hashes = self._hashes([_attempt_id(line) for line in chunk])
            report.checked += len(chunk)
            lacking = [line for line in chunk if any(_missing_rows(line, hashes))]
            missing += lacking
            kept |= {attempt_id: hashes.get(attempt_id, set()) for attempt_id in map(_attempt_id, lacking)}
        if missing:
            for row in archived:
                if row["attempt_id"] in kept:
                    kept[row["attempt_id"]].add(row["row_hash"])
            report.faults = [fault for line in missing for fault in _missing_rows(line, kept)]
        return report

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield every row, ordered by attempt.

        By attempt and not by id: while the portal is writing, a row may become visible before one with a smaller id,
        but never the outcome of an attempt before its first row.
        """
        query = select_rows(self._database).order_by(ledger.c.attempt_id, ledger.c.id).limit(CHUNK_SIZE)
        where: sa.ColumnElement[bool] = sa.true()
        while True:
            with self._database.read() as connection:
                rows = connection.execute(query.where(where)).mappings().all()
            if not rows:
                return
            yield from map(dict, rows)
            attempt_id, last = rows[-1]["attempt_id"], rows[-1]["id"]
            where = (ledger.c.attempt_id >= attempt_id) & ((ledger.c.attempt_id > attempt_id) | (ledger.c.id > last))

    def _hashes(self, attempt_ids: list[str]) -> dict[str, set[str]]:
        query = sa.select(ledger.c.attempt_id, ledger.c.row_hash).where(ledger.c.attempt_id.in_(attempt_ids))
        found: dict[str, set[str]] = {}
        with self._database.read() as connection:
            for attempt_id, row_hash in connection.execute(query):
                found.setdefault(attempt_id, set()).add(row_hash)
        return found


def select_rows(database: Database) -> sa.Select[Any]:
    """Return the query for all columns; on SQLite with the time as its text, since an invalid one is no time."""
    at = sa.type_coerce(ledger.c.at, sa.Text).label("at") if database.is_sqlite else ledger.c.at
    return sa.select(*(column for column in ledger.c if column.name != "at"), at)


def _unknown_key(key_id: object, ids: list[int]) -> str:
    rows = f"row {ids[0]} is" if len(ids) == 1 else f"{len(ids)} rows, the first of them row {min(ids)}, are"
    return (
        f"{rows} signed by the key {key_id}, which is not set: "
        "set PORTAL_LEDGER_KEY_PREVIOUS to the key of that time; if there never was such a key, they are forged"
    )


def _is_signed(row: Row, key: LedgerKey) -> bool:
    try:
        text = canonical({**row, "at": time_of(row["at"])})
        return compare_digest(key.digest(Purpose.LEDGER_ROW, text).encode(), row["row_hash"].encode())
    except (ValueError, TypeError, AttributeError):
        # SQLite stores a value of any type in any column, and the portal never wrote this one.
        return False


def time_of(value: str | datetime) -> datetime:
    """Return the time of a row that ``select_rows`` found, or raise ValueError or TypeError."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _has_crashed(rows: Sequence[Row], crashed_before: datetime) -> bool:
    try:
        return all(row["outcome"] is None and time_of(row["at"]) < crashed_before for row in rows)
    except (ValueError, TypeError):
        return False


def _invalid_values(row: Row) -> Iterator[str]:
    """Yield the values outside the closed sets."""
    if row["action"] not in list(OUTCOMES):
        yield f"there is no action {row['action']}"
    elif row["outcome"] is not None and row["outcome"] not in OUTCOMES[row["action"]]:
        yield f"an attempt to {row['action']} can't end with {row['outcome']}"


def _inconsistencies(rows: Sequence[Row]) -> Iterator[Fault]:
    """Yield what is wrong between the rows of one attempt, ordered by id."""
    attempt_id = rows[0]["attempt_id"]
    beginnings = [row for row in rows if row["outcome"] is None]
    ends = [row for row in rows if row["outcome"] is not None]
    yield from ((row["id"], f"attempt {attempt_id} begins a second time") for row in beginnings[1:])
    yield from ((row["id"], f"attempt {attempt_id} ends a second time") for row in ends[1:])
    for end in ends:
        if not beginnings or end["id"] < beginnings[0]["id"]:
            yield end["id"], f"it is the end of attempt {attempt_id}, which has no beginning before it"
        else:
            yield from ((end["id"], fault) for fault in _contradictions(beginnings[0], end))


def _contradictions(beginning: Row, end: Row) -> Iterator[str]:
    for column in (*_SAME_COLUMNS, *_LATER_COLUMNS):
        has_to_match = beginning[column] or column in _SAME_COLUMNS
        if has_to_match and beginning[column] != end[column]:
            yield f"its {column} is not that of row {beginning['id']}, which began the attempt"


def _attempt_id(line: Mapping[str, str]) -> str:
    return line.get("attempt_id", "")


def _missing_rows(line: Mapping[str, str], hashes: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield the rows of an exported attempt that are neither in the ledger nor in an archive, by the hashes there."""
    attempt_id = _attempt_id(line)
    for column, row in (("row_hash", "beginning"), ("outcome_row_hash", "end")):
        if column in line and line[column] not in hashes.get(attempt_id, ()):
            yield f"attempt {attempt_id}: the ledger lacks the row of its {row}, or has another"
