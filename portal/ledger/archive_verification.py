"""Verification that archives are as they were written, that none is missing, and that no row is in two places."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from portal.database.database import Database
from portal.ledger.archive_file import InvalidArchive, Manifest, read_manifest, read_rows
from portal.ledger.archive_records import ArchiveRecord, archive_records
from portal.ledger.tables import ledger
from portal.ledger.verification import CHUNK_SIZE, Findings, Report
from portal.settings.keys import Keyring


class ArchiveVerification:
    """Checks on the archives of one ledger, which is read once. Methods raise sqlalchemy.exc.SQLAlchemyError."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        with database.read() as connection:
            self.records: Sequence[ArchiveRecord] = archive_records(connection)

    def archives(self, files: Sequence[Path]) -> Mapping[str, Report]:
        """Check these files, and that every archive that the ledger names is among them; return a report for each."""
        given: dict[str, Manifest] = {}
        ids: set[int] = set()
        reports = {str(file): self._archive(file, given, ids) for file in files}
        for position, record in enumerate(self.records, 1):
            if record.number != position:
                reports[record.file_name] = _fault(
                    f"it is number {record.number}, and the ledger lacks number {position}"
                )
            elif record.signature not in given and record.file_name not in {file.name for file in files}:
                reports[record.file_name] = _fault(
                    f"the ledger names it, and it was not given: {record.rows} rows, ids {record.ids}"
                )
        return reports

    def rows(self, files: Sequence[Path]) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of those files that are archives as they were written."""
        for path in files:
            with path.open("rb") as file:
                try:
                    yield from read_rows(file, read_manifest(file, self._keyring))
                except InvalidArchive:
                    continue

    def _archive(self, path: Path, given: dict[str, Manifest], ids: set[int]) -> Report:
        try:
            with path.open("rb") as file:
                manifest = read_manifest(file, self._keyring)
                report = self._rows_of(file, manifest, ids)
        except (InvalidArchive, OSError) as error:
            return _fault(str(error))
        record = next((record for record in self.records if record.signature == manifest.signature), None)
        if record is None:
            report.faults.append("the ledger does not name it")
        elif manifest.previous != _signature_before(self.records, record):
            report.faults.append("the archive before it is not the one that the ledger names")
        if manifest.signature in given:
            report.faults.append("it was given twice")
        given[manifest.signature] = manifest
        return report

    def _rows_of(self, file: IO[bytes], manifest: Manifest, ids: set[int]) -> Report:
        """Check every row of an archive, whose signature is right."""
        report, findings = Report(unit="row"), Findings(self._keyring)
        twice: list[int] = []
        unfinished = {record.signature for record in self.records if not record.is_finished}
        rows = read_rows(file, manifest)
        while chunk := list(islice(rows, CHUNK_SIZE)):
            found = {row["id"] for row in chunk}
            twice += found & ids
            if manifest.signature not in unfinished:
                twice += self._still_there(found)
            ids |= found
            report.checked += len(chunk)
        for _, attempt in groupby(read_rows(file, manifest), key=lambda row: row["attempt_id"]):
            findings.add(list(attempt))
        report.faults = findings.sentences()
        report.faults += (f"row {row_id} is in the ledger, or in another archive, too" for row_id in sorted(twice))
        return report

    def _still_there(self, ids: set[int]) -> list[int]:
        with self._database.read() as connection:
            return list(connection.execute(sa.select(ledger.c.id).where(ledger.c.id.in_(ids))).scalars())


def _signature_before(records: Sequence[ArchiveRecord], record: ArchiveRecord) -> str | None:
    position = records.index(record)
    return records[position - 1].signature if position else None


def _fault(sentence: str) -> Report:
    return Report(unit="row", faults=[sentence])
