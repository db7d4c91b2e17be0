"""Archives: old rows of the ledger are sealed into a signed file, and then moved out of the database."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from portal.database.database import Database
from portal.domain.actors import Actor, Reason
from portal.domain.outcomes import Action, ArchiveOutcome
from portal.ledger.archivable import Archivable
from portal.ledger.archive_file import InvalidArchive, Manifest, read_manifest, read_rows, write
from portal.ledger.archive_records import ArchiveRecord, archive_records, reason_of
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.ledger.removal import RowsChanged, may_remove, remove
from portal.ledger.verification import Findings, time_of

_LOCK = "archive"
# Of a file that is not named in the ledger yet, so that nothing has been moved out by it.
UNFINISHED = ".partial"


class ArchiveFailed(Exception):
    """The archive can't be made or finished; the text is for the operator."""


@dataclass(frozen=True)
class Archived:
    """An archive that was made or finished: its file, and how many rows have left the database in this run."""

    file: Path
    rows: int


class Archiving:
    """Makes archives of one ledger; its methods raise ArchiveFailed, OSError and sqlalchemy.exc.SQLAlchemyError.

    Args:
        database: whose role owns the ledger.
        archivable: which rows may leave it.
        sleep: waits for some seconds between two transactions.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        archivable: Archivable,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._archivable = archivable
        self._sleep = sleep

    def archive(self, before: datetime, folder: Path, actor: Actor) -> Iterator[Archived]:
        """Finish the archive that was interrupted, if there is one; then archive what is older than a time, if any."""
        if not may_remove(self._database):
            raise ArchiveFailed(
                "The role of PORTAL_DATABASE_URL may not remove rows from the ledger. Run this command with the role "
                "that owns the tables, as db upgrade"
            )
        with _only_one(folder):
            records = self._records()
            for record in records:
                if not record.is_finished:
                    yield self._finish(record, folder)
            if sealed := self._seal(records, before, folder, actor):
                yield self._finish(sealed, folder)

    def _seal(self, records: list[ArchiveRecord], before: datetime, folder: Path, actor: Actor) -> ArchiveRecord | None:
        """Write the whole file, then name it in the ledger. Until then nothing has left the database."""
        limit = self._archivable.limit(before)
        number = len(records) + 1
        file = folder / f"ledger-{number:04}-{limit:%Y-%m-%d}.jsonl"
        if file.exists():
            raise ArchiveFailed(f"{file} is there already, and the ledger does not name it: move it away first")
        partial = _partial(file)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as output:
            previous = records[-1].signature if records else None
            rows = self._sound_rows(limit)
            key = self._ledger.keyring.current
            manifest = write(output, rows, key, number=number, previous=previous, before=limit)
            output.flush()
            os.fsync(output.fileno())
        if manifest.rows == 0:
            partial.unlink()
            return None
        _sync_folder(folder)
        return self._record(file.name, manifest, actor)

    def _sound_rows(self, limit: datetime) -> Iterator[dict[str, Any]]:
        """Yield the rows to archive. A fault ends it, since an archive must not make a forged row look true."""
        for attempt in self._archivable.attempts(limit):
            findings = Findings(self._ledger.keyring)
            findings.add(attempt)
            if faults := findings.sentences():
                raise ArchiveFailed(f"Nothing was archived: {faults[0]}")
            yield from (row | {"at": time_of(row["at"])} for row in attempt)

    def _record(self, file_name: str, manifest: Manifest, actor: Actor) -> ArchiveRecord:
        """Begin the attempt in the ledger that names the file, unless somebody else has made an archive meanwhile."""
        attempt = Attempt(Action.ARCHIVE, actor, reason=Reason(reason_of(file_name, manifest)))
        with self._database.write() as connection:
            self._database.lock(connection, [_LOCK])
            if len(archive_records(connection)) != manifest.number - 1:
                raise ArchiveFailed("Another archive has been made meanwhile: run this command again")
            self._ledger.begin_change(connection, attempt)
            return archive_records(connection)[-1]

    def _finish(self, record: ArchiveRecord, folder: Path) -> Archived:
        """Give the file its name, move its rows out of the database, and write the outcome."""
        file = folder / record.file_name
        if not file.exists():
            _name(_partial(file), file)
        with file.open("rb") as archive:
            try:
                manifest = read_manifest(archive, self._ledger.keyring)
                if manifest.signature != record.signature:
                    raise InvalidArchive("it is not the one that the ledger names")
                removed = remove(self._database, read_rows(archive, manifest), sleep=self._sleep)
            except (InvalidArchive, RowsChanged) as error:
                raise ArchiveFailed(f"{file}: {error}") from error
        # Somebody else may have finished the same archive at this moment.
        with self._database.write() as connection, suppress(LookupError):
            self._ledger.finish_change(connection, record.attempt_id, ArchiveOutcome.ARCHIVED)
        return Archived(file, removed)

    def _records(self) -> list[ArchiveRecord]:
        with self._database.read() as connection:
            return archive_records(connection)


def _partial(file: Path) -> Path:
    return file.with_name(file.name + UNFINISHED)


def _name(partial: Path, file: Path) -> None:
    """Give the file its name, which no other file has; not by a link, since many disks for backups have none."""
    try:
        partial.rename(file)
    except FileNotFoundError:
        raise ArchiveFailed(
            f"An archive was begun and not finished, and {file} is not there. Give the folder in which it is"
        ) from None
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let only one archive at a time be made in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveFailed(f"Another archive is being made in {folder}") from None
        yield
    finally:
        os.close(descriptor)
