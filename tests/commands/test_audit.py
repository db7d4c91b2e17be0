"""The commands of the ledger, as an operator runs them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind, Reason
from portal.domain.outcomes import Action, Outcome, SignInOutcome
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.settings.keys import keyring
from portal.settings.loading import load
from tests.commands.conftest import Run
from tests.ledger.rows import insert_attempt

KEY = "1edge4" * 8
NEXT_KEY = "7e4701" * 8
BOB = Actor(ActorKind.AGENT, "bob", "192.0.2.9", "request-9")


@pytest.fixture
def environ(sqlite_url: str) -> dict[str, str]:
    """The settings of the commands."""
    return {"PORTAL_DATABASE_URL": sqlite_url, "PORTAL_LEDGER_KEY": KEY}


@pytest.fixture
def attempts(database: Database) -> list[Attempt]:
    """Three attempts of Bob's for Alice, the last without an outcome."""
    settings = load({"PORTAL_LEDGER_KEY": KEY})
    ledger = Ledger(database, keyring(settings))
    attempts = [Attempt(Action.LINK, BOB, "alice", reason=Reason("Other: =1+1", "T-1")) for _ in range(3)]
    for attempt, outcome in zip(attempts, (Outcome.LINKED, Outcome.NOT_FOUND, None), strict=True):
        ledger.begin(attempt)
        if outcome:
            ledger.finish(attempt, outcome)
    return attempts


def test_list_shows_the_newest_first(run: Run, environ: dict[str, str], attempts: list[Attempt]) -> None:
    lines = run("audit", "list", **environ).stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == [attempt.id for attempt in reversed(attempts)]
    assert lines[0].endswith("link  under way  agent bob  for alice")
    assert lines[2].endswith("link  linked  agent bob  for alice")


def test_list_names_the_viewer_of_a_sign_in_as_far_as_somebody_is_known(
    run: Run, environ: dict[str, str], database: Database
) -> None:
    ledger = Ledger(database, keyring(load({"PORTAL_LEDGER_KEY": KEY})))
    somebody = Actor(ActorKind.VIEWER, "", "192.0.2.9", "request-9")
    for consumer_id, outcome in ((None, SignInOutcome.WRONG), ("alice", SignInOutcome.SIGNED_IN)):
        attempt = Attempt(Action.SIGN_IN, somebody)
        ledger.begin(attempt)
        ledger.finish(replace(attempt, consumer_id=consumer_id), outcome)
    lines = run("audit", "list", **environ).stdout.splitlines()
    assert lines[0].endswith("sign_in  signed_in  viewer alice  for alice")
    assert lines[1].endswith("sign_in  wrong  viewer ?")


def test_list_takes_every_filter(run: Run, environ: dict[str, str], attempts: list[Attempt]) -> None:
    today = datetime.now(UTC).date()
    for options, expected in (
        (("--outcome", "linked"), 1),
        (("--outcome", "none"), 1),
        (("--agent", "bob", "--limit", "2"), 2),
        (("--agent", "nobody"), 0),
        (("--viewer", "alice", "--from", str(today - timedelta(days=1)), "--to", str(today + timedelta(days=1))), 3),
        (("--to", str(today - timedelta(days=2))), 0),
    ):
        assert len(run("audit", "list", *options, **environ).stdout.splitlines()) == expected, options


def test_an_invalid_option_is_refused(run: Run, environ: dict[str, str]) -> None:
    assert run("audit", "list", "--from", "yesterday", **environ).exit_code == 2
    assert run("audit", "list", "--outcome", "anything", **environ).exit_code == 2
    # The filters of an export are written to the ledger.
    assert run("audit", "export", "--viewer", "alice@example.com", **environ).exit_code == 2
    assert run("audit", "list", "--from", "0001-01-01", "--to", "9999-12-31", **environ).exit_code == 0
    assert run("audit", "list", "--from", "2026-11-24", "--to", "2026-11-24", **environ).exit_code == 0
    for command in ("list", "export"):
        reversed_period = run("audit", command, "--from", "2026-11-24", "--to", "2026-11-23", **environ)
        assert (reversed_period.exit_code, reversed_period.stdout) == (2, "")
        assert reversed_period.stderr.endswith("Error: The day of --to is before that of --from.\n")
        # Bytes of the command line that are not UTF-8.
        assert run("audit", command, "--viewer", "\udcff", **environ).exit_code == 2
    assert run("audit", "list", "--limit", "0", **environ).exit_code == 2
    assert run("audit", "pending", "--older-than", "-1", **environ).exit_code == 2


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_export_is_verified_until_a_row_is_gone(
    run: Run, environ: dict[str, str], attempts: list[Attempt], database: Database, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / f"history.{kind}"
    file.write_bytes(run("audit", "export", "--format", kind, "--agent", "bob", **environ).stdout_bytes)
    verified = run("audit", "verify", str(file), **environ)
    assert (verified.exit_code, verified.stdout) == (0, f"{file}: 3 attempts checked, 0 faults\n")

    with database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_no_delete")
        connection.exec_driver_sql("DELETE FROM ledger WHERE id = 5")
    gone = run("audit", "verify", str(file), **environ)
    assert gone.exit_code == 1
    assert f"{file}: attempt {attempts[2].id}: the ledger lacks the row of its beginning" in gone.stdout
    assert gone.stdout.endswith(f"{file}: 3 attempts checked, 1 fault\n")


def test_the_export_is_itself_in_the_ledger(run: Run, environ: dict[str, str], attempts: list[Attempt]) -> None:
    run("audit", "export", "--viewer", "alice", **environ)
    last = json.loads(run("audit", "export", **environ).stdout.splitlines()[3])
    assert (last["action"], last["outcome"], last["actor_kind"]) == ("export", "exported", "operator")
    assert last["reason"] == "jsonl: viewer=alice"


def test_verify_reports_faults_and_ends_with_status_1(
    run: Run, environ: dict[str, str], attempts: list[Attempt], database: Database
) -> None:
    sound = run("audit", "verify", **environ)
    assert (sound.exit_code, sound.stdout) == (0, "The ledger: 5 rows checked, 0 faults\n")

    with database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_no_update")
        connection.exec_driver_sql("UPDATE ledger SET actor_id = 'mallory' WHERE id = 2")
    changed = run("audit", "verify", **environ)
    assert changed.exit_code == 1
    assert "The ledger: row 2: it was changed or forged" in changed.stdout


def test_rows_of_a_rotated_key_need_it_as_the_previous_key(
    run: Run, environ: dict[str, str], attempts: list[Attempt]
) -> None:
    rotated = environ | {"PORTAL_LEDGER_KEY": NEXT_KEY}
    unknown = run("audit", "verify", **rotated)
    assert unknown.exit_code == 1
    assert "set PORTAL_LEDGER_KEY_PREVIOUS" in unknown.stdout
    assert KEY not in unknown.stdout + unknown.stderr

    assert run("audit", "verify", PORTAL_LEDGER_KEY_PREVIOUS=KEY, **rotated).exit_code == 0


def test_archive_moves_old_attempts_to_a_file_that_verify_takes(
    run: Run, environ: dict[str, str], database: Database, tmp_path: Path
) -> None:
    ledger = Ledger(database, keyring(load({"PORTAL_LEDGER_KEY": KEY})))
    insert_attempt(database, ledger, Attempt(Action.LINK, BOB, "alice"), Outcome.NOT_FOUND, timedelta(days=300))
    ledger.record(Attempt(Action.LINK, BOB, "alice"), Outcome.NOT_FOUND)
    (tmp_path / "history.jsonl").write_bytes(run("audit", "export", **environ).stdout_bytes)
    today = datetime.now(UTC).date()

    made = run("audit", "archive", "--before", str(today + timedelta(days=1)), **environ)
    (file,) = tmp_path.glob("ledger-0001-*.jsonl")
    since, moved = made.stdout.splitlines()
    assert (made.exit_code, moved) == (0, f"{file.name}: 2 rows moved out of the database.")
    assert since.startswith(f"Rules still read rows since {today - timedelta(days=8)}")
    again = run("audit", "archive", "--before", str(today - timedelta(days=9)), "--folder", str(tmp_path), **environ)
    assert (again.exit_code, again.stdout) == (0, "Nothing to archive.\n")

    checked = run("audit", "verify", "history.jsonl", file.name, **environ)
    assert (checked.exit_code, checked.stdout.splitlines()) == (
        0,
        [
            "history.jsonl: 3 attempts checked, 0 faults",
            "The ledger: 6 rows checked, 0 faults",
            f"{file.name}: 2 rows checked, 0 faults",
        ],
    )
    alone = run("audit", "verify", **environ)
    assert (alone.exit_code, alone.stdout.splitlines()[1]) == (
        0,
        "The ledger: 1 archive was not checked: give its file too",
    )
    file.write_bytes(file.read_bytes().replace(b"not_found", b"linked", 1))
    changed = run("audit", "verify", file.name, **environ)
    assert changed.exit_code == 1
    assert f"{file.name}: its signature is wrong" in changed.stdout
    assert run("audit", "archive", "--before", str(today), "--folder", "missing", **environ).exit_code == 2


def test_a_file_that_is_not_an_export_is_refused(run: Run, environ: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "rubbish"
    file.write_bytes(b"\0\xff rubbish\n")
    answer = run("audit", "verify", str(file), **environ)
    assert answer.exit_code == 1
    assert "it is no export" in answer.stdout
    assert run("audit", "verify", str(tmp_path / "missing"), **environ).exit_code == 2


def test_a_database_whose_file_can_not_be_is_an_error_that_says_why(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path, fault in (
        ("no/such.db", f"the folder {tmp_path}/no does not exist"),
        ("file/portal.db", f"the file portal.db can't be created in the folder {tmp_path}/file: not a directory"),
        ("folder", f"{tmp_path}/folder is a folder, and has to be a file"),
    ):
        for command in (("audit", "list"), ("audit", "verify"), ("audit", "pending"), ("agents", "list"), ("serve",)):
            answer = run(*command, PORTAL_DATABASE_URL=f"sqlite:///{path}")
            assert (answer.exit_code, answer.stderr) == (1, f"The database can't be used: {fault}.\n"), command
        assert f"FAIL  database: {fault}\n" in run("check", PORTAL_DATABASE_URL=f"sqlite:///{path}").stdout
        answer = run("db", "upgrade", PORTAL_DATABASE_URL=f"sqlite:///{path}")
        assert answer.stderr == f"The database can't be upgraded: {fault}\n"
        answer = run("audit", "export", PORTAL_DATABASE_URL=f"sqlite:///{path}")
        assert (answer.exit_code, answer.stdout) == (1, "")
