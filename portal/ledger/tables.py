"""The ledger's tables. Triggers, made by the migrations, refuse UPDATE and DELETE on the ledger itself."""

from typing import Any

import sqlalchemy as sa

from portal.database.schema import APPEND_ONLY, UTCDateTime, metadata
from portal.domain.actors import ActorKind
from portal.domain.outcomes import (
    CHANGED_NOTHING,
    Action,
    LookUpOutcome,
    Outcome,
    PasswordMailOutcome,
    SignInOutcome,
)


def _is_one_of(*outcomes: str) -> sa.TextClause:
    """Return a condition as SQL text without parameters, so that the database can use a partial index on such rows."""
    return sa.text("outcome IN ({})".format(", ".join(f"'{outcome}'" for outcome in outcomes)))


def _is_none_of(*outcomes: str) -> sa.TextClause:
    return sa.text("ledger.outcome NOT IN ({})".format(", ".join(f"'{outcome}'" for outcome in outcomes)))


def has_value(column: sa.Column[Any], value: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column has a value of a closed set, which stands in the SQL text itself.

    If it were a parameter, and a partial index had a condition on the same column, SQLite would plan a statement anew
    each time it is executed, because the value decides whether that index can be used.
    """
    return column == sa.literal_column(f"'{value}'")


def has_outcome(rows: sa.FromClause, outcome: str) -> sa.ColumnElement[bool]:
    """Return the condition for rows with an outcome, by the index that has these rows of everybody by their times."""
    return sa.and_(rows.c.outcome == outcome, rows.c.outcome != sa.literal_column("''"))


# Outcomes that count against the limits on attempts: each may have been a guess.
COUNTED = (Outcome.NOT_FOUND, Outcome.REFUSED, Outcome.UNKNOWN, SignInOutcome.WRONG)
counted = _is_one_of(*COUNTED)
# A sign-in that found no place to wait, or to call Zype, counts against its address too, or it would cost nothing.
counted_or_busy = _is_one_of(*COUNTED, SignInOutcome.BUSY)
# Of the attempts that a limit stops, some are rows.
stopped = _is_one_of(Outcome.TOO_MANY)
malformed = _is_one_of(Outcome.MALFORMED)
# All of these together: the rows of the partial indexes.
failed = _is_one_of(*COUNTED, SignInOutcome.BUSY, Outcome.TOO_MANY, Outcome.MALFORMED)
# Sign-ins whose password was right.
authenticated = _is_one_of(SignInOutcome.SIGNED_IN, SignInOutcome.SECOND_FACTOR_REQUIRED)
# Outcomes that use up an agent's day: all of calls to Zype. With a stolen account, successes do harm too.
SPENT = (
    *(Outcome.LINKED, Outcome.NOT_FOUND, Outcome.REFUSED, Outcome.UNKNOWN),
    *(LookUpOutcome.FOUND, PasswordMailOutcome.SENT),
)
spent = _is_one_of(*SPENT)
# Requests for the mail to set a new password; each that may have reached Zype counts, since each may be a mail.
password_mails = sa.text(f"action = '{Action.FORGOTTEN_PASSWORD}'")
mailed = _is_one_of(PasswordMailOutcome.SENT, PasswordMailOutcome.REFUSED, PasswordMailOutcome.UNKNOWN)
archives = sa.text(f"action = '{Action.ARCHIVE}'")
by_agent = sa.text(f"actor_kind = '{ActorKind.AGENT}'")
# The first of the two rows of an attempt.
began = sa.text("outcome IS NULL")

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("at", UTCDateTime, nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("attempt_id", sa.String(32), nullable=False),
    sa.Column("outcome", sa.String(20)),
    sa.Column("actor_kind", sa.String(20), nullable=False),
    sa.Column("actor_id", sa.Text, nullable=False),
    sa.Column("consumer_id", sa.Text),
    sa.Column("linked_device_id", sa.Text),
    sa.Column("pin_fingerprint", sa.String(64)),
    sa.Column("subject_hash", sa.String(64)),
    sa.Column("reason", sa.Text),
    sa.Column("ticket", sa.String(200)),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("address_hash", sa.String(64), nullable=False),
    sa.Column("zype_milliseconds", sa.Integer),
    sa.Column("key_id", sa.String(8), nullable=False),
    sa.Column("row_hash", sa.String(64), nullable=False),
    # Of an IPv6 address, the /48 network that it belongs to.
    sa.Column("site_hash", sa.String(64)),
    sa.Index("ix_ledger_attempt_id", "attempt_id"),
    sa.Index("ix_ledger_consumer_id_pin_fingerprint", "consumer_id", "pin_fingerprint"),
    # Those with a condition are in partial_indexes.
    info={APPEND_ONLY: True},
    sqlite_autoincrement=True,
)

# A list of the attempts that have no outcome yet, so that counting them needs no search of the ledger. The ledger
# decides all the same: an attempt is pending if it has no outcome there.
pending = sa.Table(
    "pending",
    metadata,
    sa.Column("attempt_id", sa.String(32), primary_key=True),
    sa.Column("at", UTCDateTime, nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("consumer_id", sa.Text),
    sa.Column("linked_device_id", sa.Text),
    sa.Column("pin_fingerprint", sa.String(64)),
    sa.Column("subject_hash", sa.String(64)),
    sa.Column("address_hash", sa.String(64), nullable=False),
    sa.Column("actor_kind", sa.String(20)),
    sa.Column("actor_id", sa.Text),
    sa.Column("site_hash", sa.String(64)),
    sa.Index("ix_pending_at", "at"),
)

_ended = ledger.alias("ended")
# A row that decides whether a PIN is linked: an outcome that does, or an attempt that has no outcome at all.
decisive = sa.case(
    (
        ledger.c.outcome.is_(None),
        ~sa.exists().where(_ended.c.attempt_id == ledger.c.attempt_id, _ended.c.outcome.is_not(None)),
    ),
    else_=_is_none_of(*CHANGED_NOTHING),
)
