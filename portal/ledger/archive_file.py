"""The file of an archive: rows of the ledger as JSON Lines, and a signed manifest as the last line."""

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import islice
from typing import IO, Any

from portal.ledger.tables import ledger
from portal.settings.keys import Keyring, LedgerKey, Purpose, derive

HEADER = b'{"archive": "zype-activate ledger", "version": 1}\n'
# The last line is much shorter.
_TAIL = 8192
_COLUMNS = tuple(column.name for column in ledger.c)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """The last line of an archive.

    Args:
        number: 1 for the first archive of a ledger.
        previous: the signature of the archive before it; none for the first.
        before: all rows are older than this time, in ISO 8601, UTC.
        rows: how many there are.
        first_id: the smallest id of a row, and the largest.
        key_id: of the ledger's key that signed it.
        signature: the keyed hash of every byte before this line and of all other values in it, as 64 hexadecimal
            characters (HMAC-SHA-256).
    """

    number: int
    previous: str | None
    before: str
    rows: int
    first_id: int
    last_id: int
    key_id: str
    signature: str = ""


class InvalidArchive(Exception):
    """A file is no archive, or not as it was written. The text is for the operator."""


def write(
    file: IO[bytes], rows: Iterable[Row], key: LedgerKey, *, number: int, previous: str | None, before: datetime
) -> Manifest:
    """Write an archive, row by row, and return its manifest. ``at`` of a row is a time, UTC."""
    mac = _mac(key)
    file.write(HEADER)
    mac.update(HEADER)
    count = first = last = 0
    for row in rows:
        line = _row_line(row)
        file.write(line)
        mac.update(line)
        count += 1
        first, last = min(first or row["id"], row["id"]), max(last, row["id"])
    unsigned = Manifest(number, previous, before.isoformat(timespec="seconds"), count, first, last, key.id)
    manifest = replace(unsigned, signature=_signature(mac, unsigned))
    file.write(_json_line(asdict(manifest)))
    return manifest


def is_archive(file: IO[bytes]) -> bool:
    """Tell whether a file begins as an archive does."""
    return file.read(len(HEADER)) == HEADER


def read_manifest(file: IO[bytes], keyring: Keyring) -> Manifest:
    """Check the whole of a seekable file, and return its manifest.

    Raises:
        InvalidArchive: it is no archive, is incomplete, or was changed.
    """
    manifest, length = _last_line(file)
    keys = {key.id: key for key in (keyring.current, *keyring.previous)}
    if manifest.key_id not in keys:
        raise InvalidArchive(
            f"it is signed by the key {manifest.key_id}, which is not set: "
            "set PORTAL_LEDGER_KEY_PREVIOUS to the key of that time"
        )
    mac = _mac(keys[manifest.key_id])
    file.seek(0)
    while length > 0 and (block := file.read(min(length, 1 << 20))):
        mac.update(block)
        length -= len(block)
    if not hmac.compare_digest(_signature(mac, manifest).encode(), manifest.signature.encode()):
        raise InvalidArchive("its signature is wrong: a line was changed, added or taken out")
    return manifest


def read_rows(file: IO[bytes], manifest: Manifest) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file whose signature is right; the two of an attempt follow one another."""
    file.seek(len(HEADER))
    for line in islice(file, manifest.rows):
        row = json.loads(line)
        # A column that came later was empty in a row of that time.
        yield {name: row.get(name) for name in _COLUMNS} | {"at": datetime.fromisoformat(row["at"])}


def _row_line(row: Row) -> bytes:
    values = {name: row[name] for name in _COLUMNS if row[name] is not None}
    return _json_line(values | {"at": row["at"].isoformat(timespec="microseconds")})


def _last_line(file: IO[bytes]) -> tuple[Manifest, int]:
    """Return the manifest, and how many bytes are before it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    line = file.read().rstrip(b"\n").rpartition(b"\n")[2] + b"\n"
    try:
        values = json.loads(line)
        manifest = Manifest(**values)
        are_numbers = all(isinstance(values[name], int) for name in ("number", "rows", "first_id", "last_id"))
        are_texts = all(isinstance(values[name], str) for name in ("key_id", "signature"))
        if are_numbers and are_texts and _json_line(asdict(manifest)) == line:
            return manifest, size - len(line)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise InvalidArchive("it has no manifest as its last line: the rest of it is missing") from error
    raise InvalidArchive("its manifest was changed")


def _mac(key: LedgerKey) -> "hmac.HMAC":
    return hmac.new(derive(key.secret, Purpose.ARCHIVE), digestmod=hashlib.sha256)


def _signature(mac: "hmac.HMAC", manifest: Manifest) -> str:
    mac.update(_json_line(asdict(replace(manifest, signature=""))))
    return mac.hexdigest()


def _json_line(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, ensure_ascii=False) + "\n").encode()
