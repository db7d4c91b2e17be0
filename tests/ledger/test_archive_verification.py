"""Verification spans archives: changed files, gaps between them and rows in two places are found."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, Outcome
from portal.ledger import export
from portal.ledger.archivable import SHORTEST, Archivable
from portal.ledger.archive_verification import ArchiveVerification
from portal.ledger.archiving import Archiving
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import Attempt
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.verification import Verification
from portal.settings.keys import Keyring, LedgerKey
from tests.harness.ledger import actor
from tests.ledger.conftest import on_any_database
from tests.ledger.rows import insert_attempt, insert_rows, now, tamper

BOB = Actor(ActorKind.OPERATOR, "bob", "", "command-line")
Faults = Callable[..., dict[str, list[str]]]


@pytest.fixture
def archives(database: Database, ledger: Ledger, tmp_path: Path) -> list[Path]:
    """Two archives with four rows each, of attempts three and two years ago."""
    archiving = Archiving(database, ledger, Archivable(database, SHORTEST), sleep=lambda _: None)
    made: list[Path] = []
    for years in (3, 2):
        for _ in range(2):
            attempt = Attempt(Action.LINK, actor("alice"), "alice")
            insert_attempt(database, ledger, attempt, Outcome.NOT_FOUND, timedelta(days=years * 365))
        before = now(database) - timedelta(days=(years - 1) * 365 + 100)
        made += (archived.file for archived in archiving.archive(before, tmp_path, BOB))
    return made


@pytest.fixture
def faults(database: Database, ledger: Ledger) -> Faults:
    """Return the faults of the files that have any, by name."""

    def verify(*files: Path, keyring: Keyring = ledger.keyring) -> dict[str, list[str]]:
        reports = ArchiveVerification(database, keyring).archives(files)
        return {Path(name).name: report.faults for name, report in reports.items() if report.faults}

    return verify


@on_any_database
def test_all_archives_of_a_ledger_have_no_faults(
    database: Database, ledger: Ledger, archives: list[Path], faults: Faults
) -> None:
    reports = ArchiveVerification(database, ledger.keyring).archives(archives)
    assert {name: (report.checked, report.faults) for name, report in reports.items()} == {
        str(file): (4, []) for file in archives
    }
    first, second = (json.loads(file.read_text().splitlines()[-1]) for file in archives)
    assert (first["number"], second["number"], second["previous"]) == (1, 2, first["signature"])
    rotated = Keyring(LedgerKey(b"the next key of the ledger of the tests"), (ledger.keyring.current,))
    assert faults(*archives, keyring=rotated) == {}


def test_an_archive_that_is_missing_or_unknown_is_found(
    archives: list[Path], faults: Faults, database: Database, ledger: Ledger
) -> None:
    first, second = archives
    missing = "the ledger names it, and it was not given: 4 rows, ids 1 to 4"
    assert faults(second) == {first.name: [missing]}
    assert faults(first, first, second)[first.name][-1] == "it was given twice"
    other = Keyring(LedgerKey(b"the next key of the ledger of the tests"))
    assert "set PORTAL_LEDGER_KEY_PREVIOUS" in faults(*archives, keyring=other)[first.name][0]

    tamper(database, "DELETE FROM ledger WHERE id IN (5, 6)")
    assert faults(first, second) == {
        first.name: ["the ledger does not name it"],
        second.name: ["it is number 2, and the ledger lacks number 1"],
    }


def test_every_change_of_a_file_is_found(archives: list[Path], faults: Faults) -> None:
    first = archives[0]
    whole = first.read_bytes()
    lines = whole.splitlines(keepends=True)
    for changed in (
        whole.replace(b"not_found", b"linked", 1),
        b"".join([lines[0], *lines[2:]]),
        b"".join([*lines[:3], *lines[2:]]),
        b"".join([*lines[:1], *lines[3:5], *lines[1:3], *lines[5:]]),
        b"".join(lines[:-1]),
        whole[: len(whole) // 2],
        whole.replace(b'"rows": 4', b'"rows": 2'),
        whole.replace(b'"rows": 4', b'"rows": 4.0'),
        whole.replace(b'"first_id": 1', b'"first_id": 2'),
        whole.replace(b'"number": 1', b'"number": 3'),
        whole.replace(b'"previous": null', b'"previous": "x"'),
        whole + b"{}\n",
        whole + b"\n",
        whole[:-1],
        b"",
    ):
        first.write_bytes(changed)
        assert first.name in faults(*archives), changed
    first.write_bytes(whole)
    assert faults(*archives) == {}


def test_a_row_in_the_ledger_and_in_an_archive_is_found(
    archives: list[Path], faults: Faults, database: Database, ledger: Ledger
) -> None:
    tamper(database, "UPDATE ledger SET id = 2 WHERE id = 6")
    assert faults(*archives) == {archives[0].name: ["row 2 is in the ledger, or in another archive, too"]}


@on_any_database
def test_an_export_is_verified_by_the_ledger_and_the_archives(
    database: Database, ledger: Ledger, verification: Verification, tmp_path: Path
) -> None:
    insert_rows(database, ledger, 10, timedelta(days=365))
    lines = list(export.write(History(database).all(AttemptFilter()), "jsonl", ledger.keyring.current))
    file = tmp_path / "history.jsonl"
    file.write_bytes(b"".join(lines))
    archiving = Archiving(database, ledger, Archivable(database, SHORTEST), sleep=lambda _: None)
    archives = [archived.file for archived in archiving.archive(now(database), tmp_path, BOB)]

    def verify(archives: list[Path]) -> int:
        rows = ArchiveVerification(database, ledger.keyring).rows(archives)
        with file.open("rb") as exported:
            report = verification.export(export.read(exported, ledger.keyring), rows)
        assert report.checked == 5
        return len(report.faults)

    # The newest link from an address is in the ledger still.
    assert (verify(archives), verify([])) == (0, 8)
    archives[0].write_bytes(archives[0].read_bytes()[:-2])
    assert verify(archives) == 8
