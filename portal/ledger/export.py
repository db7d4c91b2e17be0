"""The history as a file: CSV for spreadsheets, JSON Lines for programs. Its last line shows when another is missing."""

import csv
import hashlib
import hmac
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import IO, Any, Literal

from portal.ledger.attempts import PastAttempt
from portal.settings.keys import Keyring, LedgerKey, Purpose, derive

Format = Literal["csv", "jsonl"]
TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
COLUMNS = tuple(PastAttempt.__dataclass_fields__)
# Without it a spreadsheet takes the file for one in the machine's own old encoding.
BOM = "\ufeff"
# What spreadsheets take for the beginning of a formula, in either width, behind spaces, quotes and invisible marks too.
_FORMULA = re.compile(r"""[\s"'\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r]""")
_LAST_LINE = "end of export"


@dataclass(frozen=True)
class Trailer:
    """The last line of an export.

    Args:
        attempts: how many lines came before it, the names of the columns not counted.
        key_id: of the key of the digest.
        digest: the keyed hash of every byte before this line and of their number, as 64 hexadecimal characters.
    """

    attempts: int
    key_id: str
    digest: str


class BrokenExport(Exception):
    """A file is no export, or not a whole one. The text is for the operator."""


def write(attempts: Iterable[PastAttempt], kind: Format, key: LedgerKey) -> Iterator[bytes]:
    """Yield an export, line by line, with its trailer as the last.

    Args:
        attempts: in their order.
        kind: of file.
        key: whose digest is in the trailer, so that nobody else can make one.
    """
    mac = _mac(key)
    lines = 0
    head = [(BOM + _csv_line(COLUMNS)).encode()] if kind == "csv" else []
    for line in head:
        mac.update(line)
        yield line
    for attempt in attempts:
        line = (_csv_line(_defused(attempt)) if kind == "csv" else _json_line(_plain(attempt))).encode()
        mac.update(line)
        lines += 1
        yield line
    yield _trailer_line(Trailer(lines, key.id, _digest(mac, lines)), kind).encode()


def read(file: IO[bytes], keyring: Keyring) -> Iterator[dict[str, str]]:
    """Check an export as a whole, then yield what its lines say, by column; an empty text is nothing.

    Args:
        file: seekable.
        keyring: with the key of its digest.

    Raises:
        BrokenExport: it is no export, is not whole, or was changed.
    """
    trailer, kind = _checked(file, keyring)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig" if kind == "csv" else "utf-8", newline="")
    try:
        rows = csv.DictReader(text) if kind == "csv" else map(json.loads, text)
        for row in islice(rows, trailer.attempts):
            yield {name: str(value) for name, value in row.items() if value not in (None, "")}
    finally:
        text.detach()


def _checked(file: IO[bytes], keyring: Keyring) -> tuple[Trailer, Format]:
    """Return the trailer and the kind of a file whose digest is right."""
    lines = _lines_before_the_last(file)
    trailer, kind = _trailer(next(lines))
    key = keyring.find(trailer.key_id)
    if key is None:
        raise BrokenExport(f"its digest was made with the key {trailer.key_id}, which is not set")
    mac = _mac(key)
    for line in lines:
        mac.update(line)
    if not hmac.compare_digest(_digest(mac, trailer.attempts).encode(), trailer.digest.encode()):
        raise BrokenExport("its digest is wrong: a line was changed, added or taken out")
    return trailer, kind


def _lines_before_the_last(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the last line of a file first, then all others in their order."""
    last = b""
    for line in file:
        last = line
    yield last
    file.seek(0)
    held: bytes | None = None
    for line in file:
        if held is not None:
            yield held
        held = line


def _trailer(line: bytes) -> tuple[Trailer, Format]:
    advice = "it has no last line with count and digest: it is no export, or the rest of it is missing"
    try:
        text = line.decode()
        if text.startswith("{"):
            said = json.loads(text)
            return Trailer(int(said["attempts"]), str(said["key_id"]), str(said["digest"])), "jsonl"
        name, _, attempts, _, key_id, _, digest = next(csv.reader([text]))
        if name == _LAST_LINE:
            return Trailer(int(attempts), key_id, digest), "csv"
    except (ValueError, LookupError, TypeError, StopIteration, csv.Error, ArithmeticError, RecursionError) as error:
        raise BrokenExport(advice) from error
    raise BrokenExport(advice)


def _trailer_line(trailer: Trailer, kind: Format) -> str:
    said = {"attempts": trailer.attempts, "key_id": trailer.key_id, "digest": trailer.digest}
    if kind == "jsonl":
        return _json_line(said)
    return _csv_line([_LAST_LINE, *(part for pair in said.items() for part in pair)])


def _mac(key: LedgerKey) -> "hmac.HMAC":
    return hmac.new(derive(key.secret, Purpose.EXPORT), digestmod=hashlib.sha256)


def _digest(mac: "hmac.HMAC", lines: int) -> str:
    """Return the digest of an export, whose number of lines is signed as well: a smaller one would hide the others."""
    whole = mac.copy()
    whole.update(f"{lines} attempts".encode())
    return whole.hexdigest()


def _plain(attempt: PastAttempt) -> dict[str, Any]:
    values = {name: getattr(attempt, name) for name in COLUMNS}
    return {name: _iso(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _defused(attempt: PastAttempt) -> list[Any]:
    """Return an attempt for a spreadsheet: no text of it is a formula."""
    values = _plain(attempt).values()
    return [f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value for value in values]


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _csv_line(values: Iterable[Any]) -> str:
    line = io.StringIO()
    # Not the pair of signs that the module would write: what copies files may change it, and with it the digest.
    csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(values)
    return line.getvalue()


def _json_line(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"
