"""Fills a migrated database as years of service would: ledger, sessions and outbox, by SQL, in a few minutes."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

VIEWERS = 500_000
# So many rows are written in one statement.
AT_ONCE = 500_000
# A row of the ledger each so many seconds: ten million of them are a year's.
SECONDS_A_ROW = 3


@dataclass(frozen=True)
class Size:
    """How many rows the tables that grow have."""

    ledger: int = 10_000_000
    sessions: int = 1_000_000
    outbox: int = 100_000


@dataclass(frozen=True)
class Dialect:
    """What SQLite and PostgreSQL write in their own ways.

    Args:
        numbers: a table expression with the numbers n from :first to :last.
        digits: hexadecimal digits of a number x that looks random; the first eight of them differ.
        seconds_ago: the time so many seconds before now.
        indexes: the statements that make the indexes, of the table :name.
    """

    numbers: str
    digits: str
    seconds_ago: str
    indexes: str


SQLITE = Dialect(
    numbers="(WITH RECURSIVE t(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM t WHERE n < :last) SELECT n FROM t)",
    digits="substr(printf('%08x', ({x}) * 2654435761 & 4294967295) || printf('%0{width}d', 0), 1, {width})",
    seconds_ago="strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '-' || ({x}) || ' seconds')",
    indexes="SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name AND sql IS NOT NULL",
)
POSTGRESQL = Dialect(
    numbers="(SELECT n FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n)",
    digits="rpad(lpad(to_hex(({x}) * 2654435761 & 4294967295), 8, '0'), {width}, '0')",
    seconds_ago="now() - ({x}) * interval '1 second'",
    indexes=("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = :name AND indexname NOT LIKE 'pk%'"),
)

# Of a hundred attempts 72 are viewers' links, 18 their sign-ins, and 10 are an agent's links or look-ups.
_LEDGER = """
INSERT INTO ledger (at, action, attempt_id, outcome, actor_kind, actor_id, consumer_id, linked_device_id,
    pin_fingerprint, subject_hash, request_id, address_hash, zype_milliseconds, key_id, row_hash)
SELECT {at}, action, {attempt}, CASE WHEN is_end = 1 THEN outcome END,
    CASE WHEN kind < 90 THEN 'viewer' ELSE 'agent' END,
    CASE WHEN kind < 90 THEN {viewer} ELSE 'agent-' || (attempt % 20) END, {viewer},
    CASE WHEN is_end = 1 AND outcome = 'linked' THEN {device} END,
    CASE WHEN action = 'link' THEN {pin} END,
    CASE WHEN action <> 'link' THEN {subject} END,
    {request}, {address}, CASE WHEN is_end = 1 THEN 40 END, 'k1', {hash}
FROM (
    SELECT n, attempt, is_end, kind, viewer,
        CASE WHEN kind < 72 OR kind > 95 THEN 'link' WHEN kind < 90 THEN 'sign_in' ELSE 'look_up' END AS action,
        CASE WHEN kind < 55 OR kind > 95 THEN 'linked' WHEN kind < 70 THEN 'not_found' WHEN kind < 72 THEN 'unknown'
            WHEN kind < 88 THEN 'signed_in' WHEN kind < 90 THEN 'wrong' ELSE 'found' END AS outcome
    FROM (
        SELECT n, n / 2 AS attempt, n % 2 AS is_end, n / 2 * 37 % 100 AS kind, n / 2 * 7919 % {viewers} AS viewer
        FROM {numbers} AS series
    ) AS numbered
) AS made
"""
_SESSIONS = """
INSERT INTO sessions (id_hash, kind, principal_id, name, email, created_at, seen_at, address_hash, authenticated_at)
SELECT {id}, 'viewer', {viewer}, 'A viewer', 'viewer@example.com', {created}, {seen}, {address}, {created}
FROM {numbers} AS series
"""
_OUTBOX = """
INSERT INTO outbox (attempt_id, kind, consumer_id, at, state, tries, due_at)
SELECT {id}, 'linked_by_agent', {viewer}, {at}, CASE WHEN n % 10 = 0 THEN 'waiting' ELSE 'sent' END, 0, {at}
FROM {numbers} AS series
"""


def grow(connection: Connection, size: Size) -> None:
    """Fill a migrated and empty database; the connection commits by itself, and its rows need no signature."""
    dialect = SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL
    seconds = f"({size.ledger + 1} - n) * {SECONDS_A_ROW}"
    day = "86400"
    _fill(
        connection,
        dialect,
        "ledger",
        _LEDGER.format(
            at=dialect.seconds_ago.format(x=seconds),
            attempt=_digits(dialect, "attempt", 32),
            viewer=_digits(dialect, "viewer", 24),
            device=_digits(dialect, "attempt + 5", 32),
            pin=_digits(dialect, "attempt + 1", 64),
            subject=_digits(dialect, "viewer + 2", 64),
            request=_digits(dialect, "attempt + 3", 32),
            address=_digits(dialect, "viewer / 3", 64),
            hash=_digits(dialect, "n + 4", 64),
            numbers=dialect.numbers,
            viewers=VIEWERS,
        ),
        size.ledger,
    )
    viewer = _digits(dialect, f"n % {VIEWERS}", 24)
    _fill(
        connection,
        dialect,
        "sessions",
        _SESSIONS.format(
            id=_digits(dialect, "n", 64),
            viewer=viewer,
            created=dialect.seconds_ago.format(x=f"n % {day}"),
            seen=dialect.seconds_ago.format(x=f"n % {day} % 7200"),
            address=_digits(dialect, "n", 64),
            numbers=dialect.numbers,
        ),
        size.sessions,
    )
    at = dialect.seconds_ago.format(x="n * 60")
    _fill(
        connection,
        dialect,
        "outbox",
        _OUTBOX.format(id=_digits(dialect, "n", 32), viewer=viewer, at=at, numbers=dialect.numbers),
        size.outbox,
    )


def viewer_id(number: int) -> str:
    """Return the consumer_id of a viewer whom the filled tables have."""
    return f"{number * 2654435761 & 0xFFFFFFFF:08x}".ljust(24, "0")


def session_hash(number: int) -> str:
    """Return the hash of a session that the filled table has."""
    return f"{number * 2654435761 & 0xFFFFFFFF:08x}".ljust(64, "0")


def _digits(dialect: Dialect, number: str, width: int) -> str:
    return dialect.digits.format(x=number, width=width)


def _fill(connection: Connection, dialect: Dialect, table: str, insert: str, rows: int) -> None:
    """Insert rows while the table has no indexes, then make those again: one after the other, each by sorting once."""
    indexes = connection.execute(sa.text(dialect.indexes), {"name": table}).all()
    for name, _ in indexes:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    # From an even number on, with which an attempt begins.
    for first in range(2, rows + 2, AT_ONCE):
        connection.execute(sa.text(insert), {"first": first, "last": min(first + AT_ONCE - 1, rows + 1)})
    for _, statement in indexes:
        connection.exec_driver_sql(statement)
