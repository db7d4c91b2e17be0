"""An export is complete and unchanged, or is refused; kept elsewhere, it shows which rows the ledger has lost."""

import csv
import io
import json
import time
import unicodedata
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest

from portal.database.database import Database
from portal.domain.outcomes import Outcome
from portal.ledger import export
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import PastAttempt
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.spreadsheets import FORMULA_SIGNS, without_formulas
from portal.ledger.verification import Report, Verification
from portal.settings.keys import LedgerKey
from tests.harness.cases import each
from tests.ledger.conftest import on_any_database
from tests.ledger.rows import tamper, write_attempts

KEY = LedgerKey(b"a key for the ledger of the tests")
on_any_format = pytest.mark.parametrize("kind", list(export.TYPES))


def write_export(history: History, kind: export.Format) -> bytes:
    return b"".join(export.write(history.all(AttemptFilter()), kind, KEY))


def verify(verification: Verification, file: bytes) -> Report:
    return verification.export(export.read(io.BytesIO(file), verification.keyring))


@pytest.fixture
def attempts(ledger: Ledger) -> list[Any]:
    """A few attempts in the ledger."""
    return write_attempts(ledger)


@on_any_format
@on_any_database
def test_an_export_is_confirmed_while_its_rows_are_there(
    attempts: list[Any], ledger: Ledger, history: History, verification: Verification, kind: export.Format
) -> None:
    file = write_export(history, kind)
    # An attempt in flight may end after the export.
    ledger.finish(attempts[-1], Outcome.NOT_FOUND)
    report = verify(verification, file)
    assert (report.checked, report.faults) == (4, [])


@on_any_format
@pytest.mark.parametrize("deleted", ["id > 0", "id = 1", "id = 2", "id > 5", "id IN (1, 2)"])
@pytest.mark.usefixtures("attempts")
def test_a_deleted_row_is_found(
    database: Database, history: History, verification: Verification, kind: export.Format, deleted: str
) -> None:
    file = write_export(history, kind)
    tamper(database, f"DELETE FROM ledger WHERE {deleted}")  # noqa: S608 - from the list above
    assert any("the ledger lacks the row" in fault for fault in verify(verification, file).faults)


@pytest.mark.usefixtures("attempts")
def test_a_deleted_outcome_is_found_with_an_export_alone(
    database: Database, history: History, verification: Verification
) -> None:
    file = write_export(history, "jsonl")
    tamper(database, "DELETE FROM ledger WHERE id = 2")
    # The other rows are consistent, as if the attempt had lost its process.
    assert verification.ledger().faults == []
    assert len(verify(verification, file).faults) == 1


@on_any_format
@pytest.mark.usefixtures("attempts")
def test_a_line_that_is_missing_changed_or_added_is_found(
    history: History, verification: Verification, kind: export.Format
) -> None:
    lines = write_export(history, kind).splitlines(keepends=True)
    for changed in (
        lines[:2] + lines[3:],
        lines[:-2] + lines[-1:],
        [*lines[:2], lines[2].replace(b"alice", b"malic"), *lines[3:]],
        [*lines[:2], lines[1], *lines[2:]],
    ):
        assert changed != lines
        with pytest.raises(export.InvalidExport, match="digest is wrong"):
            verify(verification, b"".join(changed))


@on_any_format
@pytest.mark.usefixtures("attempts")
def test_the_number_of_lines_is_signed(history: History, verification: Verification, kind: export.Format) -> None:
    """A smaller number would leave the last lines unchecked."""
    *lines, last = write_export(history, kind).splitlines(keepends=True)
    for count in (b"3", b"0", b"5"):
        changed = last.replace(b'"4"', b'"%b"' % count).replace(b" 4,", b" %b," % count)
        assert changed != last
        with pytest.raises(export.InvalidExport, match="digest is wrong"):
            verify(verification, b"".join([*lines, changed]))


@on_any_format
@pytest.mark.usefixtures("attempts")
def test_an_incomplete_download_is_refused(history: History, verification: Verification, kind: export.Format) -> None:
    lines = write_export(history, kind).splitlines(keepends=True)
    for end in (0, 1, 2, -1):
        with pytest.raises(export.InvalidExport, match=r"no last line|digest is wrong"):
            verify(verification, b"".join(lines[:end]))


@on_any_format
def test_an_export_made_without_the_key_is_refused(verification: Verification, kind: export.Format) -> None:
    key = LedgerKey(b"a key of Mallory's own, long enough")
    forged = b"".join(export.write([], kind, key))
    with pytest.raises(export.InvalidExport, match="which is not set"):
        verify(verification, forged)
    with pytest.raises(export.InvalidExport, match="digest is wrong"):
        verify(verification, forged.replace(key.id.encode(), KEY.id.encode()))


@each(
    "file",
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
)
def test_another_file_is_refused(verification: Verification, file: bytes) -> None:
    with pytest.raises(export.InvalidExport):
        verify(verification, file)


def past_attempt(**values: Any) -> PastAttempt:
    """Return an attempt, with some columns as given."""
    columns: dict[str, Any] = dict.fromkeys(export.COLUMNS)
    columns |= {"id": 1, "at": datetime(2026, 11, 24, tzinfo=UTC), "action": "link", "attempt_id": "a" * 32}
    columns |= {"actor_kind": "agent", "actor_id": "bob", "request_id": "r", "row_hash": "b" * 64}
    return PastAttempt(**columns | values)


@each(
    "text",
    [
        *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", '"=1', "'=1", "\n=1"),
        *("\uff1d1", "\uff0b1", "\uff0d1", "\uff201", "\ufeff=1", "\u200b=1", "\u3000\u201c=1", "\x00=1", "\u3164=1"),
    ],
)
def test_no_text_of_a_spreadsheet_is_a_formula(text: str) -> None:
    for column in ("reason", "ticket", "actor_id", "consumer_id", "linked_device_id", "request_id"):
        file = b"".join(export.write([past_attempt(**{column: text})], "csv", KEY)).decode("utf-8-sig")
        row = next(csv.DictReader(io.StringIO(file, newline="")))
        assert row[column] == f"'{text}"


def defused(text: str) -> str:
    file = b"".join(export.write([past_attempt(reason=text)], "csv", KEY)).decode("utf-8-sig")
    return next(csv.DictReader(io.StringIO(file, newline="")))["reason"]


def test_no_part_of_a_text_is_a_formula_where_a_spreadsheet_divides_it() -> None:
    breaks = (*";|,\t\n\r\v\f\x00\x1f\x85\x9f", *"\u2028\u2029\u200b\u202e\u2066\ufeff", "\U000e0001")
    for separator in breaks:
        for sign in FORMULA_SIGNS:
            assert defused(f"a{separator}{sign}1") == f"a{separator}'{sign}1", (ascii(separator), ascii(sign))
            assert defused(f'a{separator} "\t{sign}1') == f"a{separator}' \"\t{sign}1", (ascii(separator), ascii(sign))
    assert defused("=1;=2;b - c;+3") == "'=1;'=2;b - c;'+3"


def test_a_text_of_separators_that_is_four_times_as_long_takes_about_four_times_as_long() -> None:
    def seconds(separators: int) -> float:
        text = "\t;" * separators
        start = time.thread_time()
        assert without_formulas(f"{text}-") == f"{text}'-"
        return time.thread_time() - start

    # Sixteen times, if each separator were looked at from every other.
    assert min(seconds(40_000) for _ in range(3)) < 10 * min(seconds(10_000) for _ in range(3))


def test_the_signs_are_those_that_stand_for_the_ascii_ones() -> None:
    same = (chr(code) for code in range(0xFFFF) if unicodedata.normalize("NFKC", chr(code)) in {"=", "+", "-", "@"})
    assert set(same) == set(FORMULA_SIGNS)


def test_every_cell_is_defused_whatever_column_it_is_in() -> None:
    texts = {name for name, type_ in get_type_hints(PastAttempt).items() if type_ in (str, str | None)}
    file = b"".join(export.write([past_attempt(**dict.fromkeys(texts, "=1"))], "csv", KEY)).decode("utf-8-sig")
    row = next(csv.DictReader(io.StringIO(file, newline="")))
    assert len(texts) > 8
    assert {row[name] for name in texts} == {"'=1"}


def test_other_text_of_a_spreadsheet_is_unchanged() -> None:
    file = b"".join(export.write([past_attempt(reason="a plain reason, with a comma")], "csv", KEY))
    assert '"a plain reason, with a comma"' in file.decode("utf-8-sig")


def test_json_lines_hold_the_text_unchanged() -> None:
    text = '=1 "quoted" \u2028 ä \n end'
    lines = b"".join(export.write([past_attempt(reason=text)], "jsonl", KEY)).split(b"\n")
    assert json.loads(lines[0])["reason"] == text
    assert len(lines) == 3
