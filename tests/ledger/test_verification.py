"""What somebody with the database's own password could do to the ledger, and that it shows."""

import csv
import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from portal.database.database import Database
from portal.domain.actors import Reason
from portal.domain.outcomes import Action, Outcome
from portal.ledger import export
from portal.ledger.attempts import Attempt, PastAttempt
from portal.ledger.history import AttemptFilter, History
from portal.ledger.ledger import Ledger
from portal.ledger.rows import row_of, sign
from portal.ledger.tables import ledger as table
from portal.ledger.verification import Report, Verification
from portal.settings.keys import Keyring, LedgerKey
from tests.harness.ledger import actor, ledger_on

FORMATS = list(export.TYPES)
REASON = Reason('=HYPERLINK("http://example.com"), said "the caller"', "T-1")


@pytest.fixture
def verification(database: Database, ledger: Ledger) -> Verification:
    return Verification(database, ledger.keyring)


def past_the_triggers(database: Database, *statements: str) -> None:
    """Run statements as the owner of the database can."""
    with database.write() as connection:
        if database.is_sqlite:
            for event in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS ledger_no_{event}")
        else:
            connection.exec_driver_sql("ALTER TABLE ledger DISABLE TRIGGER ALL")
        for statement in statements:
            connection.execute(sa.text(statement))


@pytest.fixture
def tamper(database: Database) -> Callable[..., None]:
    """Return what does so with the database of the test."""
    return partial(past_the_triggers, database)


def live_a_little(ledger: Ledger, attempts: int = 3) -> list[Attempt]:
    """Write a few attempts, the last without an outcome."""
    made = [Attempt(Action.LINK, actor("alice"), "alice", pin_fingerprint="1" * 64) for _ in range(attempts)]
    for attempt in made[:-1]:
        ledger.begin(attempt)
        ledger.finish(attempt, Outcome.LINKED, linked_device_id="tv-1", milliseconds=7)
    ledger.begin(made[-1])
    ledger.record(Attempt(Action.LINK, actor("mallory"), "mallory", reason=REASON), Outcome.MALFORMED)
    return made


def exported(database: Database, ledger: Ledger, kind: export.Format) -> bytes:
    attempts = History(database).all(AttemptFilter())
    return b"".join(export.write(attempts, kind, ledger.keyring.current))


def verified(verification: Verification, file: bytes) -> Report:
    return verification.export(export.read(io.BytesIO(file), verification.keyring))


def test_a_ledger_as_it_was_written_has_no_fault(ledger: Ledger, verification: Verification) -> None:
    live_a_little(ledger)
    report = verification.ledger()
    assert (report.checked, report.faults, report.without_outcome) == (7, [], 0)


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'refused'",
        "actor_id = 'mallory'",
        "consumer_id = 'mallory'",
        "linked_device_id = 'tv-2'",
        "reason = 'none'",
        "ticket = NULL, reason = 'x'",
        "zype_milliseconds = 1",
        "request_id = 'other'",
        "row_hash = '" + "0" * 64 + "'",
        "attempt_id = '" + "f" * 32 + "'",
    ],
)
def test_a_changed_row_is_found(
    ledger: Ledger, verification: Verification, tamper: Callable[..., None], change: str
) -> None:
    live_a_little(ledger)
    tamper(f"UPDATE ledger SET {change} WHERE id = 2")  # noqa: S608 - from the list above
    faults = verification.ledger().faults
    assert "row 2: it was changed or forged: its keyed hash is wrong" in faults


def test_every_column_but_the_id_is_signed(
    ledger: Ledger, verification: Verification, tamper: Callable[..., None], database: Database
) -> None:
    """The list above is of examples; this walks them all."""
    live_a_little(ledger)
    with database.read() as connection:
        kept = dict(connection.execute(sa.select(table).where(table.c.id == 2)).mappings().one())
    others = {"at": kept["at"].replace(year=2020), "zype_milliseconds": 8, "key_id": "other"}
    tamper()
    for column in (c.name for c in table.c if c.name != "id"):
        with database.write() as connection:
            connection.execute(table.update().where(table.c.id == 2).values(kept | {column: others.get(column, "x")}))
        faults = verification.ledger().faults
        assert any("row 2: it was changed or forged" in fault or "row 2, are signed" in fault for fault in faults), (
            column
        )
    with database.write() as connection:
        connection.execute(table.update().where(table.c.id == 2).values(kept))
    assert verification.ledger().faults == []


@pytest.mark.parametrize(
    "value", ["at = 'rubbish'", "at = x'00'", "row_hash = 'ä'", "row_hash = x'00'", "reason = x'00'", "action = 7"]
)
def test_what_only_sqlite_keeps_in_a_column_is_a_fault_of_its_row(sqlite_url: str, value: str) -> None:
    database = Database(sqlite_url)
    ledger = ledger_on(database)
    live_a_little(ledger)
    past_the_triggers(database, f"UPDATE ledger SET {value} WHERE id IN (2, 5)")  # noqa: S608 - from the list above
    faults = Verification(database, ledger.keyring).ledger().faults
    assert [fault for fault in faults if "forged" in fault] == [
        f"row {number}: it was changed or forged: its keyed hash is wrong" for number in (2, 5)
    ]
    database.dispose()


def test_a_row_that_somebody_made_up_is_found(database: Database, ledger: Ledger, verification: Verification) -> None:
    """Whoever can insert rows but has no key: neither their own hash nor one of another row will do."""
    live_a_little(ledger)
    forged = Attempt(Action.LINK, actor("mallory"), "mallory")
    with database.write() as connection:
        row = sign(
            row_of(forged, ledger.keyring), LedgerKey(b"a key of Mallory's own, of length"), ledger_time(database)
        )
        connection.execute(table.insert(), row | {"key_id": ledger.keyring.current.id})
    faults = verification.ledger().faults
    assert len(faults) == 1
    assert "changed or forged" in faults[0]


def ledger_time(database: Database) -> Any:
    with database.read() as connection:
        return database.now(connection)


def test_a_row_signed_by_an_unknown_key_says_which_setting_helps(database: Database, ledger: Ledger) -> None:
    live_a_little(ledger)
    rotated = Keyring(LedgerKey(b"the next key of the ledger of the tests"))
    faults = Verification(database, rotated).ledger().faults
    assert len(faults) == 1
    assert f"7 rows, the first of them row 1, are signed by the key {ledger.keyring.current.id}" in faults[0]
    assert "PORTAL_LEDGER_KEY_PREVIOUS" in faults[0]

    both = Keyring(rotated.current, (ledger.keyring.current,))
    live_a_little(Ledger(database, both))
    assert Verification(database, both).ledger().faults == []


def test_an_end_without_its_beginning_is_found(
    ledger: Ledger, verification: Verification, tamper: Callable[..., None]
) -> None:
    attempt = live_a_little(ledger)[0]
    tamper("DELETE FROM ledger WHERE id = 1")
    assert verification.ledger().faults == [
        f"row 2: it is the end of attempt {attempt.id}, which has no beginning before it"
    ]


def test_an_end_that_was_taken_away_makes_an_attempt_without_one(
    ledger: Ledger, verification: Verification, tamper: Callable[..., None], database: Database
) -> None:
    live_a_little(ledger)
    file = exported(database, ledger, "jsonl")
    tamper("DELETE FROM ledger WHERE id = 2")
    # The rows that are left are sound, so only an export knows that there was more.
    assert verification.ledger().faults == []
    assert len(verified(verification, file).faults) == 1


def test_a_copied_row_is_found(ledger: Ledger, verification: Verification, tamper: Callable[..., None]) -> None:
    attempts = live_a_little(ledger)
    columns = ", ".join(c.name for c in table.c if c.name != "id")
    tamper(f"INSERT INTO ledger ({columns}) SELECT {columns} FROM ledger WHERE id IN (2, 5)")  # noqa: S608
    ended, _, under_way = attempts
    assert verification.ledger().faults == [
        f"row 8: attempt {ended.id} ends a second time",
        f"row 9: attempt {under_way.id} begins a second time",
    ]


def test_a_whole_attempt_that_was_copied_is_found(
    ledger: Ledger, verification: Verification, tamper: Callable[..., None]
) -> None:
    """Each of its hashes is right, and its halves fit."""
    attempt = live_a_little(ledger)[0]
    columns = ", ".join(c.name for c in table.c if c.name != "id")
    for number in (1, 2):
        tamper(f"INSERT INTO ledger ({columns}) SELECT {columns} FROM ledger WHERE id = {number}")  # noqa: S608
    assert verification.ledger().faults == [
        f"row 8: attempt {attempt.id} begins a second time",
        f"row 9: attempt {attempt.id} ends a second time",
    ]


def test_halves_that_do_not_fit_are_found(database: Database, ledger: Ledger, verification: Verification) -> None:
    """Signed with the right key, as a fault of our own would write it."""
    attempt = live_a_little(ledger)[2]
    wrong = row_of(attempt, ledger.keyring) | {"outcome": "signed_in", "consumer_id": "mallory"}
    with database.write() as connection:
        connection.execute(table.insert(), sign(wrong, ledger.keyring.current, database.now(connection)))
    faults = verification.ledger().faults
    assert any("can't end with signed_in" in fault for fault in faults)
    assert any("its consumer_id is not that of row 5" in fault for fault in faults)


@pytest.mark.parametrize("rows", [999, 1000, 1001, 1003])
def test_rows_are_read_to_the_last_wherever_a_page_of_them_ends(
    ledger: Ledger, verification: Verification, database: Database, rows: int
) -> None:
    """A page of a thousand may end between two attempts, or between the halves of one."""
    row = row_of(Attempt(Action.LINK, actor("alice"), "alice"), ledger.keyring)
    halves = [row | {"attempt_id": f"{n:032x}", "outcome": end} for n in range(502) for end in (None, "linked")]
    now = ledger_time(database)
    with database.write() as connection:
        connection.execute(table.insert(), [sign(half, ledger.keyring.current, now) for half in halves[:rows]])
    report = verification.ledger()
    assert (report.checked, report.faults) == (rows, [])


def test_a_crash_is_told_and_is_no_fault(ledger: Ledger, verification: Verification, database: Database) -> None:
    live_a_little(ledger)
    row = row_of(Attempt(Action.LINK, actor("alice"), "alice"), ledger.keyring)
    ago = ledger_time(database) - timedelta(seconds=61)
    with database.write() as connection:
        connection.execute(table.insert(), sign(row, ledger.keyring.current, ago))
    report = verification.ledger()
    assert (report.checked, report.faults, report.without_outcome) == (8, [], 1)


@pytest.mark.parametrize("kind", FORMATS)
class TestExport:
    """An export kept elsewhere is what shows a row that is gone."""

    def test_it_is_confirmed_as_long_as_everything_is_there(
        self, database: Database, ledger: Ledger, verification: Verification, kind: export.Format
    ) -> None:
        attempts = live_a_little(ledger)
        file = exported(database, ledger, kind)
        # What is under way at that time may end later.
        ledger.finish(attempts[-1], Outcome.NOT_FOUND)
        report = verified(verification, file)
        assert (report.checked, report.faults) == (4, [])

    @pytest.mark.parametrize("gone", ["id > 0", "id = 1", "id = 2", "id > 5", "id IN (1, 2)"])
    def test_a_row_that_is_gone_shows(
        self,
        database: Database,
        ledger: Ledger,
        verification: Verification,
        tamper: Callable[..., None],
        kind: export.Format,
        gone: str,
    ) -> None:
        live_a_little(ledger)
        file = exported(database, ledger, kind)
        tamper(f"DELETE FROM ledger WHERE {gone}")  # noqa: S608 - from the list above
        assert any("the ledger lacks the row" in fault for fault in verified(verification, file).faults)

    def test_a_line_that_is_missing_changed_or_added_shows(
        self, database: Database, ledger: Ledger, verification: Verification, kind: export.Format
    ) -> None:
        live_a_little(ledger)
        lines = exported(database, ledger, kind).splitlines(keepends=True)
        for broken in (
            lines[:2] + lines[3:],
            lines[:-2] + lines[-1:],
            [*lines[:2], lines[2].replace(b"alice", b"malic"), *lines[3:]],
            [*lines[:2], lines[1], *lines[2:]],
        ):
            assert broken != lines
            with pytest.raises(export.BrokenExport, match="digest is wrong"):
                verified(verification, b"".join(broken))

    def test_its_count_is_signed_too(
        self, database: Database, ledger: Ledger, verification: Verification, kind: export.Format
    ) -> None:
        """A smaller one would leave the last lines unchecked."""
        live_a_little(ledger)
        *lines, last = exported(database, ledger, kind).splitlines(keepends=True)
        for count in (b"3", b"0", b"5"):
            changed = last.replace(b'"4"', b'"%b"' % count).replace(b" 4,", b" %b," % count)
            assert changed != last
            with pytest.raises(export.BrokenExport, match="digest is wrong"):
                verified(verification, b"".join([*lines, changed]))

    @pytest.mark.parametrize("left", [0, 1, 2, -1])
    def test_a_download_that_broke_off_is_no_export(
        self, database: Database, ledger: Ledger, verification: Verification, kind: export.Format, left: int
    ) -> None:
        live_a_little(ledger)
        lines = exported(database, ledger, kind).splitlines(keepends=True)
        with pytest.raises(export.BrokenExport, match=r"no last line|digest is wrong"):
            verified(verification, b"".join(lines[:left]))

    def test_nobody_makes_one_without_the_key(
        self, database: Database, ledger: Ledger, verification: Verification, kind: export.Format
    ) -> None:
        live_a_little(ledger)
        theirs = LedgerKey(b"a key of Mallory's own, long enough")
        forged = b"".join(export.write([], kind, theirs))
        with pytest.raises(export.BrokenExport, match="which is not set"):
            verified(verification, forged)
        renamed = forged.replace(theirs.id.encode(), ledger.keyring.current.id.encode())
        with pytest.raises(export.BrokenExport, match="digest is wrong"):
            verified(verification, renamed)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\n",
        b"\xff\xfe",
        b"{}\n",
        b'{"attempts": 1}',
        b'{"attempts": 1e999, "key_id": "x", "digest": "x"}',
        b'{"attempts": ' + b"[" * 100_000,
        b"a,b\n1,2\n",
        b"[]",
        b"\0" * 100,
        b'"end of export","attempts","x","key_id","x","digest","x"\n',
        b'"end of export","attempts","1","key_id","x","digest","x"\n',
        b'"' + b"a" * 200_000 + b'"\n',
    ],
    ids=lambda rubbish: str(rubbish[:30]),
)
def test_rubbish_is_no_export(verification: Verification, rubbish: bytes) -> None:
    with pytest.raises(export.BrokenExport):
        verified(verification, rubbish)


def past(**values: Any) -> PastAttempt:
    """Return an attempt, with some columns as given."""
    at = ledger_epoch()
    known = {"id": 1, "at": at, "action": "link", "attempt_id": "a" * 32, "outcome": None, "ended_at": None}
    known |= {"actor_kind": "agent", "actor_id": "bob", "consumer_id": None, "linked_device_id": None}
    known |= {"reason": None, "ticket": None, "request_id": "r", "zype_milliseconds": None, "row_hash": "b" * 64}
    return PastAttempt(**known | {"outcome_row_hash": None} | values)


def ledger_epoch() -> Any:
    return datetime(2026, 11, 24, tzinfo=UTC)


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    '"=1',
    "'=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    "\ufeff=1",
    "\u200b=1",
    "\n=1",
]


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_no_text_of_a_spreadsheet_is_a_formula(text: str) -> None:
    key = LedgerKey(b"a key for the ledger of the tests")
    for column in ("reason", "ticket", "actor_id", "consumer_id", "linked_device_id", "request_id"):
        file = b"".join(export.write([past(**{column: text})], "csv", key)).decode("utf-8-sig")
        row = next(csv.DictReader(io.StringIO(file, newline="")))
        assert row[column] == f"'{text}"
    plain = b"".join(export.write([past(reason="a plain reason, with a comma")], "csv", key)).decode("utf-8-sig")
    assert '"a plain reason, with a comma"' in plain


def test_json_lines_say_what_was_written_to_the_letter() -> None:
    key = LedgerKey(b"a key for the ledger of the tests")
    text = '=1 "quoted" \u2028 ä \n end'
    lines = b"".join(export.write([past(reason=text)], "jsonl", key)).split(b"\n")
    assert json.loads(lines[0])["reason"] == text
    assert len(lines) == 3


def test_many_rows_are_checked_in_a_reasonable_time(sqlite_url: str) -> None:
    """Twenty thousand rows here; a hundred thousand take five times as long."""
    database = Database(sqlite_url)
    ledger = ledger_on(database)
    row = row_of(Attempt(Action.LINK, actor("alice"), "alice"), ledger.keyring)
    made = [row | {"attempt_id": f"{n:032x}", "outcome": end} for n in range(10_000) for end in (None, "linked")]
    now = ledger_time(database)
    with database.write() as connection:
        connection.execute(table.insert(), [sign(row, ledger.keyring.current, now) for row in made])
    started = time.monotonic()
    report = Verification(database, ledger.keyring).ledger()
    assert (report.checked, report.faults) == (20_000, [])
    assert time.monotonic() - started < 20
    database.dispose()
