"""Which rows of the ledger no rule reads any more, so that an archive may take them out of the database."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, Outcome, SignInOutcome, UnlinkOutcome
from portal.ledger.tables import authenticated, began, ledger
from portal.ledger.verification import select_rows
from portal.settings.settings import Settings

IDS_A_STATEMENT = 1000
# Longer than the time within which any rule asks for a row: for the same PIN again, Undo, an agent's look-up, the link
# that the cookie of a session names, and an agent's attempt that crashed, of which the viewer gets a mail for a week.
SHORTEST = timedelta(days=8)
# Reports of viewers are shown to agents for this long.
REPORTS = timedelta(days=31)

Attempt = list[dict[str, Any]]


@dataclass(frozen=True)
class Archivable:
    """The attempts that may leave a database.

    Args:
        database: of the ledger.
        kept: how old rows have to be at least.
    """

    database: Database
    kept: timedelta

    def limit(self, before: datetime) -> datetime:
        """Return the time before which rows may leave: the one that is asked for, or an earlier one."""
        return min(before, self.database.now() - self.kept)

    def attempts(self, before: datetime) -> Iterator[Attempt]:
        """Yield all rows of each attempt that began and ended before a time and that no rule needs, by their ids."""
        not_shown = sa.or_(_ended.c.action != Action.REPORT, _ended.c.at < self.database.now() - REPORTS)
        query = _ARCHIVABLE.where(_began.c.at < before, _ended.c.at < before, not_shown).order_by(_began.c.id)
        newest_first = (ledger.c.at.desc(), ledger.c.id.desc())
        began_before = sa.select(ledger.c.id).where(began, ledger.c.at < before)
        last = self.database.scalar(began_before.order_by(*newest_first).limit(1))
        first: int | None = 0
        # By ranges of ids, so that no statement reads much.
        while first := self.database.scalar(sa.select(sa.func.min(ledger.c.id)).where(ledger.c.id > first)):
            if last is None or first > last:
                return
            end = min(first + IDS_A_STATEMENT - 1, last)
            with self.database.read() as connection:
                found = connection.execute(query.where(_began.c.id.between(first, end))).all()
                rows = self._rows(connection, [row.attempt_id for row in found])
            for _, attempt in groupby(rows, key=lambda row: row["attempt_id"]):
                yield list(attempt)
            first = end

    def _rows(self, connection: Connection, attempt_ids: list[str]) -> list[dict[str, Any]]:
        query = select_rows(self.database).where(ledger.c.attempt_id.in_(attempt_ids))
        rows = [dict(row) for row in connection.execute(query.order_by(ledger.c.id)).mappings()]
        position = {attempt_id: number for number, attempt_id in enumerate(attempt_ids)}
        return sorted(rows, key=lambda row: position[row["attempt_id"]])


def kept_for(settings: Settings) -> timedelta:
    """Return how long every row is needed: for the longest window of a limit that counts them, or SHORTEST."""
    by_whom = (*settings.limit_viewer, *settings.limit_agent, *settings.limit_lookup)
    items = (*by_whom, *settings.limit_address, *settings.limit_sign_in)
    windows = [timedelta(seconds=item.get_expiry()) for item in items]
    return max([SHORTEST, *windows])


_began = ledger.alias("began")
_ended = ledger.alias("ended")
_newer = ledger.alias("newer")
_LINKING = (Outcome.LINKED, UnlinkOutcome.UNLINKED)
_AUTHENTICATED = (SignInOutcome.SIGNED_IN, SignInOutcome.SECOND_FACTOR_REQUIRED)


def _has_newer(*columns: str, where: sa.ColumnElement[bool] | sa.TextClause) -> sa.ColumnElement[bool]:
    """Return the condition that a later row has the same values, or that one of these is empty: nobody asks for it."""
    same = [_newer.c[name] == _ended.c[name] for name in columns]
    is_empty = [_ended.c[name].is_(None) for name in columns]
    return sa.or_(*is_empty, sa.exists().where(*same, where, _newer.c.id > _ended.c.id))


def _is_own_link(row: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(row.c.actor_kind == ActorKind.VIEWER, row.c.action == Action.LINK, row.c.outcome == Outcome.LINKED)


# Attempts that have ended, and have no row that rules ask for however old it is: of those, the newest stays.
_ARCHIVABLE = (
    sa.select(_began.c.id, _began.c.attempt_id)
    .join(_ended, sa.and_(_ended.c.attempt_id == _began.c.attempt_id, _ended.c.outcome.is_not(None)))
    .where(
        _began.c.outcome.is_(None),
        # The archives that there are.
        _began.c.action != Action.ARCHIVE,
        # Whether a viewer's TV was linked or unlinked here, when, and by whom.
        sa.or_(
            _ended.c.outcome.not_in(_LINKING),
            _has_newer("consumer_id", "linked_device_id", where=_newer.c.outcome.in_(_LINKING)),
        ),
        # From which addresses an account has signed in: it is not slowed there.
        sa.or_(
            _ended.c.outcome.not_in(_AUTHENTICATED),
            _has_newer("subject_hash", "address_hash", where=authenticated),
        ),
        # From which addresses a viewer has linked: from others they get a mail.
        sa.or_(sa.not_(_is_own_link(_ended)), _has_newer("consumer_id", "address_hash", where=_is_own_link(_newer))),
    )
)
