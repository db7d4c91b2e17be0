"""Archives: what leaves the database, what stays, and what an interruption leaves behind."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, Outcome, SignInOutcome, UnlinkOutcome
from portal.ledger.archivable import REPORTS, SHORTEST, Archivable, kept_for
from portal.ledger.archive_verification import ArchiveVerification
from portal.ledger.archiving import ArchiveFailed, Archiving
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import Attempt, Begun
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Limit
from portal.ledger.removal import HELD_SECONDS, MIN_SIZE, PAUSE_SECONDS, RowsChanged, remove
from portal.ledger.rows import row_of, sign
from portal.ledger.tables import ledger as table
from portal.ledger.verification import Verification
from portal.mail.outbox import MAX_AGE
from portal.mail.unknown_attempts import OLDEST_CRASH
from portal.pages.support.views import REPORT_SHOWN
from portal.settings.loading import load
from tests.harness.ledger import actor, agent, ledger_on
from tests.ledger.conftest import on_any_database
from tests.ledger.rows import insert_attempt, insert_rows, now, tamper

BOB = Actor(ActorKind.OPERATOR, "bob", "", "command-line")
YEAR = timedelta(days=365)
Archive = Callable[[], list[int]]


@pytest.fixture
def archive(database: Database, ledger: Ledger, tmp_path: Path) -> Archive:
    """Archive what is older than a hundred days; returns the numbers of rows that have left."""
    archiving = Archiving(database, ledger, Archivable(database, timedelta(days=1)))

    def run() -> list[int]:
        before = now(database) - timedelta(days=100)
        return [archived.rows for archived in archiving.archive(before, tmp_path, BOB)]

    return run


def files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.name.startswith("ledger-"))


def rows_in(*archives: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for file in archives for line in file.read_text().splitlines()]
    return [line for line in lines if "row_hash" in line]


def rows(database: Database) -> list[dict[str, object]]:
    """Return the rows as an archive has them."""
    with database.read() as connection:
        found = connection.execute(sa.select(table).order_by(table.c.id)).mappings().all()
    return [
        {name: value for name, value in row.items() if value is not None}
        | {"at": row["at"].isoformat(timespec="microseconds")}
        for row in found
    ]


def attempt_ids(database: Database) -> set[object]:
    return {row["attempt_id"] for row in rows(database) if row["action"] != Action.ARCHIVE}


def old_link(**values: str) -> Attempt:
    return replace(Attempt(Action.LINK, actor("alice"), "alice"), **values)  # type: ignore[arg-type]


@on_any_database
def test_old_attempts_move_into_a_signed_file(
    database: Database, ledger: Ledger, archive: Archive, verification: Verification, tmp_path: Path
) -> None:
    for outcome in (Outcome.NOT_FOUND, Outcome.REFUSED):
        insert_attempt(database, ledger, old_link(), outcome, YEAR)
    ledger.record(young := old_link(), Outcome.NOT_FOUND)
    before = rows(database)

    assert archive() == [4]

    (file,) = files(tmp_path)
    assert rows_in(file) == before[:4]
    assert attempt_ids(database) == {young.id}
    manifest = json.loads(file.read_text().splitlines()[-1])
    assert (manifest["number"], manifest["previous"], manifest["rows"]) == (1, None, 4)
    assert (manifest["first_id"], manifest["last_id"], manifest["key_id"]) == (1, 4, ledger.keyring.current.id)
    assert file.stat().st_mode & 0o777 == 0o600
    trace = History(database).page(AttemptFilter()).attempts[0]
    assert (trace.action, trace.outcome, trace.actor_id) == (Action.ARCHIVE, "archived", "bob")
    assert trace.reason == f"{file.name}: number 1, 4 rows, ids 1 to 4, signature {manifest['signature']}"
    assert verification.ledger().faults == []
    assert archive() == []
    with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
        connection.execute(table.delete())


@on_any_database
def test_what_rules_still_read_stays(database: Database, ledger: Ledger, archive: Archive) -> None:
    mallory = actor("mallory")
    sign_in = Attempt(Action.SIGN_IN, actor("", "192.0.2.1"), subject_hash="a" * 64)
    made = {
        "a link before another": (old_link(linked_device_id="tv-1"), Outcome.LINKED),
        "the newest link from an address": (old_link(linked_device_id="tv-1"), Outcome.LINKED),
        "an unlink before another": (Attempt(Action.UNLINK, agent(), "alice", "tv-1"), UnlinkOutcome.UNLINKED),
        "the newest of a TV": (Attempt(Action.UNLINK, agent(), "alice", "tv-1"), UnlinkOutcome.UNLINKED),
        "the same TV, of another viewer": (Attempt(Action.UNDO, mallory, "mallory", "tv-1"), UnlinkOutcome.UNLINKED),
        "a link by an agent without a TV": (Attempt(Action.LINK, agent(), "alice"), Outcome.LINKED),
        "a sign-in before another": (sign_in, SignInOutcome.SIGNED_IN),
        "the newest sign-in from an address": (replace(sign_in, id="1" * 32), SignInOutcome.SIGNED_IN),
        "one from another address": (
            Attempt(Action.SIGN_IN, actor("", "198.51.100.1"), subject_hash="a" * 64),
            SignInOutcome.SECOND_FACTOR_REQUIRED,
        ),
        "a sign-in without a password": (Attempt(Action.SIGN_IN, actor("alice"), "alice"), SignInOutcome.SIGNED_IN),
        "a wrong password": (replace(sign_in, id="2" * 32), SignInOutcome.WRONG),
    }
    for attempt, outcome in made.values():
        insert_attempt(database, ledger, attempt, outcome, YEAR)
    insert_attempt(database, ledger, young := old_link(), Outcome.NOT_FOUND, timedelta(days=99))
    ledger.begin(pending := old_link())

    archive()

    kept = {name for name, (attempt, _) in made.items() if attempt.id in attempt_ids(database)}
    assert kept == {name for name in made if "newest" in name or "another viewer" in name or "from another" in name}
    assert {young.id, pending.id} <= attempt_ids(database)


def test_rows_of_the_longest_window_and_of_pending_attempts_stay(database: Database, ledger: Ledger) -> None:
    assert kept_for(load({})) == SHORTEST
    assert REPORTS > REPORT_SHOWN
    assert SHORTEST >= OLDEST_CRASH + MAX_AGE
    assert kept_for(load({"PORTAL_LIMIT_ADDRESS": "1000/2days;9000/month"})) == timedelta(days=30)
    archivable = Archivable(database, timedelta(days=30))
    insert_attempt(database, ledger, old_link(), Outcome.NOT_FOUND, timedelta(days=29))
    assert list(archivable.attempts(archivable.limit(now(database)))) == []


@on_any_database
def test_all_attempts_that_were_written_at_once_leave_whatever_the_order_of_their_rows(
    database: Database, ledger: Ledger, archive: Archive
) -> None:
    at = now(database) - YEAR
    for first_id in (101, 105, 103):
        row = row_of(old_link(), ledger.keyring)
        made = [sign(row | {"outcome": outcome}, ledger.keyring.current, at) for outcome in (None, Outcome.NOT_FOUND)]
        with database.write() as connection:
            connection.execute(table.insert(), [one | {"id": first_id + number} for number, one in enumerate(made)])
    assert archive() == [6]


class Interrupted(Exception):
    pass


@on_any_database
def test_an_interrupted_archive_is_finished_with_nothing_lost_and_nothing_twice(
    database: Database, ledger: Ledger, archive: Archive, verification: Verification, tmp_path: Path
) -> None:
    insert_rows(database, ledger, 100, YEAR)
    before = rows(database)
    interrupted = Archiving(database, ledger, Archivable(database, SHORTEST), sleep=interrupt)

    with pytest.raises(Interrupted):
        list(interrupted.archive(now(database) - timedelta(days=100), tmp_path, BOB))
    (file,) = files(tmp_path)
    assert len(rows(database)) == len(before) - MIN_SIZE + 1
    assert rows_in(file) == before[:98]
    # Of no attempt has one row left, and what is still in both places is no fault.
    verified = ArchiveVerification(database, ledger.keyring).archives([file])
    assert (verification.ledger().faults, verified[str(file)].faults) == ([], [])
    with pytest.raises(LookupError, match="audit archive has been run again"):
        ledger.resolve(str(rows(database)[-1]["attempt_id"]), "archived")

    elsewhere = file.rename(tmp_path / "elsewhere")
    with pytest.raises(ArchiveFailed, match="Give the folder in which it is"):
        archive()
    # As if it had been stopped before the file got its name.
    elsewhere.rename(file.with_name(f"{file.name}.partial"))
    assert archive() == [98 - MIN_SIZE]
    assert files(tmp_path) == [file]
    kept = [row for row in rows(database) if row["action"] != Action.ARCHIVE]
    assert sorted([*rows_in(file), *kept], key=lambda row: int(str(row["id"]))) == before
    assert verification.ledger().faults == []
    assert archive() == []
    verified = ArchiveVerification(database, ledger.keyring).archives([file])
    assert (verified[str(file)].checked, verified[str(file)].faults) == (98, [])


def interrupt(_: float) -> None:
    raise Interrupted


def test_of_two_archives_at_once_one_is_made(
    database: Database, ledger: Ledger, archive: Archive, tmp_path: Path
) -> None:
    insert_rows(database, ledger, 10, YEAR)
    before = now(database) - timedelta(days=100)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    class Slow(Archivable):
        def attempts(self, before: datetime) -> Iterator[list[dict[str, Any]]]:
            """Read the rows; another archive of them is made on another machine meanwhile."""
            found = list(super().attempts(before))
            with pytest.raises(ArchiveFailed, match="Another archive is being made in"):
                archive()
            assert (
                len(list(Archiving(database, ledger, Archivable(database, SHORTEST)).archive(before, elsewhere, BOB)))
                == 1
            )
            yield from found

    with pytest.raises(ArchiveFailed, match="Another archive has been made meanwhile"):
        list(Archiving(database, ledger, Slow(database, SHORTEST)).archive(before, tmp_path, BOB))
    assert archive() == []
    assert len(rows_in(*files(elsewhere))) == 8


def test_what_was_half_written_is_written_again_and_no_file_is_replaced(
    database: Database, ledger: Ledger, archive: Archive, tmp_path: Path
) -> None:
    insert_attempt(database, ledger, old_link(), Outcome.NOT_FOUND, YEAR)
    name = f"ledger-0001-{now(database) - timedelta(days=100):%Y-%m-%d}.jsonl"
    (tmp_path / f"{name}.partial").write_text("half of a")
    (tmp_path / name).write_text("a file of the operator's")
    with pytest.raises(ArchiveFailed, match="is there already"):
        archive()
    assert (tmp_path / name).read_text() == "a file of the operator's"
    assert len(rows(database)) == 2

    (tmp_path / name).unlink()
    assert archive() == [2]
    assert [file.name for file in files(tmp_path)] == [name]


def test_an_archive_needs_no_hard_links(
    database: Database, ledger: Ledger, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many disks and network shares for backups have none, such as exFAT and SMB."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    insert_attempt(database, ledger, old_link(), Outcome.NOT_FOUND, YEAR)
    assert archive() == [2]
    (file,) = files(tmp_path)
    assert len(rows_in(file)) == 2


def test_nothing_is_archived_where_a_row_is_forged_or_its_key_unknown(
    database: Database, ledger: Ledger, archive: Archive, tmp_path: Path
) -> None:
    insert_rows(database, ledger, 4, YEAR)
    tamper(database, "UPDATE ledger SET reason = 'forged' WHERE id = 2")
    with pytest.raises(ArchiveFailed, match="Nothing was archived: row 2: it was changed or forged"):
        archive()
    assert len(rows(database)) == 4
    assert files(tmp_path) == [file for file in files(tmp_path) if file.name.endswith(".partial")]


@on_any_database
def test_a_row_that_is_not_the_one_of_the_file_stays(database: Database, ledger: Ledger) -> None:
    insert_rows(database, ledger, 4, YEAR)
    wanted = [{"id": row["id"], "row_hash": row["row_hash"]} for row in rows(database)]
    with pytest.raises(RowsChanged, match="row 2 is not"):
        remove(database, [wanted[0], wanted[1] | {"row_hash": "0" * 64}], sleep=lambda _: None)
    assert len(rows(database)) == 4
    assert remove(database, [*wanted, {"id": 99, "row_hash": ""}], sleep=lambda _: None) == 4
    if database.is_sqlite:
        tamper(database)
        with pytest.raises(RowsChanged, match="guards the ledger is gone"):
            remove(database, wanted)


def test_a_link_waits_for_no_transaction_that_archives_on_postgresql(postgresql_url: str) -> None:
    database, owner = Database(postgresql_url), Database(postgresql_url)
    ledger = ledger_on(database)
    insert_rows(database, ledger, 4, YEAR)
    with owner.write() as connection:
        connection.exec_driver_sql("SET LOCAL zype_activate.archiving = 'on'")
        connection.execute(table.delete())
        assert ledger.begin(old_link(), (Limit(("consumer_id",), ()),)) == Begun()
    assert len(rows(database)) == 1
    database.dispose()
    owner.dispose()


def test_batches_grow_and_shrink_so_that_a_transaction_is_short(database: Database, ledger: Ledger) -> None:
    """By this clock a transaction takes a millisecond, and a row 0.1, then 0.2."""
    insert_rows(database, ledger, 600, YEAR)
    times, left = [0.0], 600

    def clock() -> float:
        nonlocal left
        now_left = database.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        gone, left = left - now_left, now_left
        times.append(times[-1] + (0.001 + gone * (0.0001 if left > 300 else 0.0002) if gone else 0))
        return times[-1]

    pauses: list[float] = []
    wanted = [{"id": row["id"], "row_hash": row["row_hash"]} for row in rows(database)]
    assert remove(database, wanted, clock, pauses.append) == 600
    held = [end - start for start, end in zip(times[1::2], times[2::2], strict=True)]
    assert len(held) < 600 / MIN_SIZE, "batches grow"
    assert [seconds > 1.2 * HELD_SECONDS for seconds in held].count(True) <= 1, "batches shrink"
    assert min(pauses) == PAUSE_SECONDS


def say_that_it_archives(database: Database, statement: sa.UpdateBase) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("SET LOCAL zype_activate.archiving = 'on'")
        connection.execute(statement)


def test_only_the_owner_of_the_tables_archives(postgresql_url: str, ledger: Ledger, tmp_path: Path) -> None:
    owner = Database(postgresql_url)
    with owner.write() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar()
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, DELETE ON ledger TO {name}")
    role = Database(postgresql_url.replace("portal@", f"{name}@"))
    archiving = Archiving(role, ledger, Archivable(role, SHORTEST))
    try:
        with pytest.raises(ArchiveFailed, match="may not remove rows from the ledger"):
            list(archiving.archive(now(role), tmp_path, BOB))
        for database, statement in ((role, table.delete()), (owner, table.update().values(reason="forged"))):
            with pytest.raises(DBAPIError, match="append-only"):
                say_that_it_archives(database, statement)
    finally:
        role.dispose()
        with owner.write() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {name}; DROP ROLE {name}")
        owner.dispose()
