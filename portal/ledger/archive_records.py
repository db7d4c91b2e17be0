"""What the ledger says of its archives: an attempt for each, whose reason names the file and its signature."""

import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.ledger.archive_file import Manifest
from portal.ledger.tables import archives, ledger

_REASON = re.compile(r"(\S+): number (\d+), (\d+) rows, ids (\d+) to (\d+), signature ([0-9a-f]{64})")


@dataclass(frozen=True)
class ArchiveRecord:
    """An archive that the ledger names.

    Args:
        file_name: without its folder.
        number: 1 for the first.
        rows: how many it has.
        ids: the smallest and the largest of them, as text.
        attempt_id: of the attempt in the ledger.
        is_finished: all of its rows have left the database.
    """

    file_name: str
    number: int
    rows: int
    ids: str
    signature: str
    attempt_id: str
    is_finished: bool


def reason_of(file_name: str, manifest: Manifest) -> str:
    """Return what the ledger has as the reason of an archive."""
    return (
        f"{file_name}: number {manifest.number}, {manifest.rows} rows, "
        f"ids {manifest.first_id} to {manifest.last_id}, signature {manifest.signature}"
    )


def archive_records(connection: Connection) -> list[ArchiveRecord]:
    """Return every archive of the ledger, the oldest first."""
    query = sa.select(ledger.c.attempt_id, ledger.c.reason, ledger.c.outcome).where(archives)
    rows = connection.execute(query.order_by(ledger.c.id)).all()
    finished = {row.attempt_id for row in rows if row.outcome is not None}
    return [
        ArchiveRecord(
            file_name,
            int(number),
            int(count),
            f"{first} to {last}",
            signature,
            row.attempt_id,
            row.attempt_id in finished,
        )
        for row in rows
        if row.outcome is None and (match := _REASON.fullmatch(row.reason or ""))
        for file_name, number, count, first, last, signature in (match.groups(),)
    ]
