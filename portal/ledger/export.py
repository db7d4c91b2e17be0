"""The history as a file: CSV for spreadsheets, JSON Lines for programs. A trailer shows if a line is missing."""

import csv
import hashlib
import hmac
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import IO, Any, Literal

from portal.ledger.attempts import PastAttempt
from portal.ledger.spreadsheets import without_formulas
from portal.settings.keys import Keyring, LedgerKey, Purpose, derive

Format = Literal["csv", "jsonl"]
TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
COLUMNS = tuple(PastAttempt.__dataclass_fields__)
# Without a byte order mark spreadsheets assume the machine's legacy encoding.
BOM = "\ufeff"
_LAST_LINE = "end of export"


@dataclass(frozen=True)
class Trailer:
    """The last line of an export.

    Args:
        attempts: the number of lines before it, without the header.
        key_id: of the digest's key.
        digest: the keyed hash of every byte before this line and of their number, as 64 hexadecimal characters.
    """

    attempts: int
    key_id: str
    digest: str


class InvalidExport(Exception):
    """A file is no export, or an incomplete one. The text is for the operator."""


def write(attempts: Iterable[PastAttempt], kind: Format, key: LedgerKey) -> Iterator[bytes]:
    """Yield an export, line by line, with its trailer last: nobody without the key can make its digest."""
    mac = _mac(key)
    lines = 0
    if kind == "csv":
        header = (BOM + _csv_line(COLUMNS)).encode()
        mac.update(header)
        yield header
    for attempt in attempts:
        line = (_csv_line(_values(attempt).values()) if kind == "csv" else _json_line(_values(attempt))).encode()
        mac.update(line)
        lines += 1
        yield line
    yield _format_trailer(Trailer(lines, key.id, _digest(mac, lines)), kind).encode()


def read(file: IO[bytes], keyring: Keyring) -> Iterator[dict[str, str]]:
    """Check a whole export in a seekable file, then yield its lines by column, without the empty values.

    Raises:
        InvalidExport: it is no export, is incomplete, or was changed.
    """
    trailer, kind = _check_digest(file, keyring)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig" if kind == "csv" else "utf-8", newline="")
    try:
        rows = csv.DictReader(text) if kind == "csv" else map(json.loads, text)
        for row in islice(rows, trailer.attempts):
            yield {name: str(value) for name, value in row.items() if value not in (None, "")}
    finally:
        text.detach()


def _check_digest(file: IO[bytes], keyring: Keyring) -> tuple[Trailer, Format]:
    """Return the trailer and the format of a file whose digest is right."""
    # The trailer names the key, and comes last.
    macs = {key.id: _mac(key) for key in (keyring.current, *keyring.previous)}
    last = b""
    for line in file:
        for mac in macs.values():
            mac.update(last)
        last = line
    trailer, kind = _parse_trailer(last)
    if trailer.key_id not in macs:
        raise InvalidExport(f"its digest was made with the key {trailer.key_id}, which is not set")
    mac = macs[trailer.key_id]
    if not hmac.compare_digest(_digest(mac, trailer.attempts).encode(), trailer.digest.encode()):
        raise InvalidExport("its digest is wrong: a line was changed, added or taken out")
    return trailer, kind


def _parse_trailer(line: bytes) -> tuple[Trailer, Format]:
    advice = "it has no last line with count and digest: it is no export, or the rest of it is missing"
    try:
        text = line.decode()
        if text.startswith("{"):
            values = json.loads(text)
            return Trailer(int(values["attempts"]), str(values["key_id"]), str(values["digest"])), "jsonl"
        name, _, attempts, _, key_id, _, digest = next(csv.reader([text]))
        if name == _LAST_LINE:
            return Trailer(int(attempts), key_id, digest), "csv"
    except (ValueError, LookupError, TypeError, StopIteration, csv.Error, ArithmeticError, RecursionError) as error:
        raise InvalidExport(advice) from error
    raise InvalidExport(advice)


def _format_trailer(trailer: Trailer, kind: Format) -> str:
    values = asdict(trailer)
    if kind == "jsonl":
        return _json_line(values)
    return _csv_line([_LAST_LINE, *(part for pair in values.items() for part in pair)])


def _mac(key: LedgerKey) -> "hmac.HMAC":
    return hmac.new(derive(key.secret, Purpose.EXPORT), digestmod=hashlib.sha256)


def _digest(mac: "hmac.HMAC", lines: int) -> str:
    """Return the digest. It includes the number of lines, since a smaller number would leave the last unchecked."""
    with_count = mac.copy()
    with_count.update(f"{lines} attempts".encode())
    return with_count.hexdigest()


def _values(attempt: PastAttempt) -> dict[str, Any]:
    values = {name: getattr(attempt, name) for name in COLUMNS}
    return {name: _iso(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _csv_line(values: Iterable[Any]) -> str:
    cells = [without_formulas(value) if isinstance(value, str) else value for value in values]
    line = io.StringIO()
    # Not the module's CR LF, which programs that copy text files may change, and with it the digest.
    csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(cells)
    return line.getvalue()


def _json_line(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"
