"""Reading the ledger: its rows as entries, and each attempt paired with its outcome."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database.database import Database
from portal.database.schema import UTCDateTime
from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, LookUpOutcome, Outcome, ReportOutcome, SignInOutcome, UnlinkOutcome
from portal.ledger.attempt_query import NO_OUTCOME, AttemptFilter, Listing, last_rows, listing
from portal.ledger.attempts import Entry, PastAttempt
from portal.ledger.limits import PENDING_TIMEOUT
from portal.ledger.rows import ENTRY_COLUMNS, from_row
from portal.ledger.tables import by_agent, decisive, has_outcome, ledger

PAGE_SIZE = 50
CHUNK_SIZE = 500
# What a viewer's activity consists of. Which agent looked at the account is for supervisors to know.
_VIEWER_ACTIONS = (
    *(Action.LINK, Action.UNLINK, Action.UNDO, Action.REPORT),
    *(Action.SIGN_IN, Action.FORGOTTEN_PASSWORD, Action.SIGN_OUT_EVERYWHERE),
)


@dataclass(frozen=True)
class AttemptPage:
    """One page of attempts, newest first.

    Args:
        attempts: at most ``PAGE_SIZE``.
        before: that of the next older page, the id of a row, or none if this is the last.
        now: the database's time of the query, UTC.
    """

    attempts: tuple[PastAttempt, ...]
    before: int | None
    now: datetime

    @property
    def crashed_before(self) -> datetime:
        """An attempt without an outcome that began before this has lost its process."""
        return self.now - PENDING_TIMEOUT


class Key(NamedTuple):
    """What lists of attempts are ordered by: the time and the id of the row by which an attempt is listed."""

    at: datetime
    id: int


Listed = tuple[Key, PastAttempt]


class History:
    """Queries on the ledger. Every method raises sqlalchemy.exc.SQLAlchemyError if the ledger can't be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def outcome(self, attempt_id: str) -> Entry | None:
        """Return the row with the outcome of an attempt, or none if there is none yet."""
        entries = self._entries(ledger.c.attempt_id == attempt_id, ledger.c.outcome.is_not(None), limit=1)
        return entries[0] if entries else None

    def age(self, entry: Entry) -> timedelta:
        """Return how long ago a row was written, by the database's clock."""
        return self._database.now() - entry.at

    def is_undone(self, link: Entry) -> bool:
        """Tell whether a linked TV was unlinked later, by Undo or otherwise."""
        return self._exists(
            ledger.c.consumer_id == link.consumer_id,
            ledger.c.linked_device_id == link.linked_device_id,
            ledger.c.outcome == UnlinkOutcome.UNLINKED,
            ledger.c.id > link.id,
        )

    def decisive_entries(self, consumer_id: str, fingerprints: Sequence[str], *, exclude: str) -> list[Entry]:
        """Return the rows that decide whether a PIN is linked to a consumer, newest first, but for one attempt's.

        A PIN has a fingerprint for each key that rows may be signed with.
        """
        return self._entries(
            ledger.c.consumer_id == consumer_id,
            ledger.c.pin_fingerprint.in_(fingerprints),
            ledger.c.attempt_id != exclude,
            decisive,
            limit=20,
        )

    def links(self, consumer_id: str, linked_device_ids: Sequence[str]) -> Mapping[str, Entry]:
        """Return the newest link of each of a consumer's TVs, by linked_device_id; a TV linked elsewhere has none."""
        entries = self._entries(
            ledger.c.consumer_id == consumer_id,
            ledger.c.linked_device_id.in_(linked_device_ids),
            ledger.c.outcome.in_((Outcome.LINKED, UnlinkOutcome.UNLINKED)),
            limit=1000,
        )
        newest = {entry.linked_device_id: entry for entry in reversed(entries) if entry.linked_device_id}
        # A TV that was unlinked here and is linked all the same has been linked elsewhere since.
        return {device_id: entry for device_id, entry in newest.items() if entry.outcome == Outcome.LINKED}

    def device_ids(self, consumer_id: str, limit: int) -> list[str]:
        """Return the linked_device_ids of the TVs that were ever linked to a consumer here, the last linked first."""
        query = (
            sa.select(ledger.c.linked_device_id)
            .where(
                ledger.c.consumer_id == consumer_id,
                ledger.c.outcome == Outcome.LINKED,
                ledger.c.linked_device_id.is_not(None),
            )
            .group_by(ledger.c.linked_device_id)
            .order_by(sa.func.max(ledger.c.id).desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [str(device_id) for device_id in connection.execute(query).scalars()]

    def has_looked_up(self, actor: Actor, consumer_id: str, within: timedelta) -> bool:
        """Tell whether an agent found this viewer recently, so that opening the page again is the same look-up."""
        return self._exists(
            by_agent,
            ledger.c.actor_id == actor.id,
            ledger.c.action == Action.LOOK_UP,
            ledger.c.at > self._database.now() - within,
            ledger.c.consumer_id == consumer_id,
            ledger.c.outcome == LookUpOutcome.FOUND,
        )

    def has_signed_in(self, address_hashes: Sequence[str], within: timedelta) -> bool:
        """Tell whether a viewer signed in from an address recently. It has a hash for each key of the ledger."""
        return self._exists(
            ledger.c.at > self._database.now() - within,
            ledger.c.address_hash.in_(address_hashes),
            ledger.c.actor_kind == ActorKind.VIEWER,
            ledger.c.action == Action.SIGN_IN,
            has_outcome(ledger, SignInOutcome.SIGNED_IN),
        )

    def reports(self, consumer_id: str, within: timedelta, limit: int) -> list[Entry]:
        """Return a viewer's recent reports of PINs that somebody sent them, newest first."""
        return self._entries(
            ledger.c.consumer_id == consumer_id,
            ledger.c.action == Action.REPORT,
            ledger.c.outcome == ReportOutcome.REPORTED,
            ledger.c.at > self._database.now() - within,
            limit=limit,
        )

    def activity(self, consumer_id: str, limit: int) -> AttemptPage:
        """Return the last attempts on a viewer's account, theirs and agents', the last to begin or end first."""
        found = self._newest(last_rows(consumer_id), ledger.c.action.in_(_VIEWER_ACTIONS), limit=limit)
        return AttemptPage(tuple(attempt for _, attempt in found), None, self._database.now())

    def page(self, filters: AttemptFilter, before: int | None = None) -> AttemptPage:
        """Return the newest attempts that match.

        Args:
            filters: what they match.
            before: of the page before this one: new attempts don't shift the pages.
        """
        listed = listing(filters)
        older = self._is_before(listed, before) if before is not None else sa.true()
        found = self._newest(listed, older, limit=PAGE_SIZE + 1)
        shown = found[:PAGE_SIZE]
        last_key = shown[-1][0].id if len(found) > PAGE_SIZE else None
        return AttemptPage(tuple(attempt for _, attempt in shown), last_key, self._database.now())

    def all(self, filters: AttemptFilter) -> Iterator[PastAttempt]:
        """Yield every attempt that matches and exists now, oldest first, without holding them all in memory."""
        last = self._database.scalar(sa.select(sa.func.max(ledger.c.id))) or 0
        listed = listing(filters)
        query = listed.query.where(listed.key[1] <= last).order_by(*listed.key).limit(CHUNK_SIZE)
        found = self._attempts(listed, query)
        while found:
            yield from (attempt for _, attempt in found)
            found = self._attempts(listed, query.where(sa.tuple_(*listed.key) > _position(*found[-1][0])))

    def without_outcome(self, older_than: timedelta) -> list[PastAttempt]:
        """Return the attempts without an outcome that are older than this, as a crash leaves them; oldest first."""
        crashed = ledger.c.at < self._database.now() - older_than
        found = self._newest(listing(AttemptFilter(outcome=NO_OUTCOME)), crashed, limit=1000)
        return [attempt for _, attempt in reversed(found)]

    def _exists(self, *conditions: sa.ColumnElement[bool] | sa.TextClause) -> bool:
        return bool(self._entries(*conditions, limit=1))

    def _entries(self, *conditions: sa.ColumnElement[bool] | sa.TextClause, limit: int) -> list[Entry]:
        """Return rows, newest first."""
        query = sa.select(*ENTRY_COLUMNS).where(*conditions).order_by(ledger.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [from_row(Entry, dict(row)) for row in connection.execute(query).mappings()]

    def _is_before(self, listed: Listing, before: int) -> sa.ColumnElement[bool]:
        """Return the condition for rows that are listed after the one with an id; it may be in an archive by now."""
        nearest = sa.select(ledger.c.at).where(ledger.c.id <= before).order_by(ledger.c.id.desc()).limit(1)
        at = self._database.scalar(nearest)
        return sa.tuple_(*listed.key) < _position(at, before) if at else sa.false()

    def _newest(self, listed: Listing, *conditions: sa.ColumnElement[bool], limit: int) -> list[Listed]:
        newest_first = [column.desc() for column in listed.key]
        return self._attempts(listed, listed.query.where(*conditions).order_by(*newest_first).limit(limit))

    def _attempts(self, listed: Listing, query: sa.Select[Any]) -> list[Listed]:
        """Return attempts, each with the key by which it is listed."""
        at, row_id = listed.key
        query = query.add_columns(at.label("key_at"), row_id.label("key_id"))
        with self._database.read() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [(Key(row.pop("key_at"), row.pop("key_id")), from_row(PastAttempt, row)) for row in rows]


def _position(at: datetime, row_id: int) -> sa.ColumnElement[Any]:
    return sa.tuple_(sa.literal(at, UTCDateTime), sa.literal(row_id))
