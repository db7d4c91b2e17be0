"""Reading the ledger: its rows as entries, and each attempt paired with its outcome."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, LookUpOutcome, Outcome, ReportOutcome, SignInOutcome, UnlinkOutcome
from portal.ledger.attempt_query import ATTEMPTS, NO_OUTCOME, AttemptFilter, conditions_of, ended
from portal.ledger.attempts import Entry, PastAttempt
from portal.ledger.limits import PENDING_TIMEOUT
from portal.ledger.rows import ENTRY_COLUMNS, from_row
from portal.ledger.tables import decisive, ledger

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
        before: the ``before`` of the next older page, or none if this is the last.
        now: the database's time of the query, UTC.
    """

    attempts: tuple[PastAttempt, ...]
    before: int | None
    now: datetime

    @property
    def crashed_before(self) -> datetime:
        """An attempt without an outcome that began before this has lost its process."""
        return self.now - PENDING_TIMEOUT


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
            ledger.c.actor_kind == actor.kind,
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
            ledger.c.outcome == SignInOutcome.SIGNED_IN,
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
        conditions = (*conditions_of(AttemptFilter(viewer=consumer_id)), ledger.c.action.in_(_VIEWER_ACTIONS))
        last_row_id = sa.func.coalesce(ended.c.id, ledger.c.id)
        return AttemptPage(
            tuple(self._attempts(*conditions, order=last_row_id.desc(), limit=limit)), None, self._database.now()
        )

    def page(self, filters: AttemptFilter, before: int | None = None) -> AttemptPage:
        """Return the newest attempts that match, with an id below ``before``: new attempts don't shift the pages."""
        older = ledger.c.id < before if before is not None else sa.true()
        found = self._attempts(older, *conditions_of(filters), order=ledger.c.id.desc(), limit=PAGE_SIZE + 1)
        shown = found[:PAGE_SIZE]
        return AttemptPage(tuple(shown), shown[-1].id if len(found) > PAGE_SIZE else None, self._database.now())

    def all(self, filters: AttemptFilter) -> Iterator[PastAttempt]:
        """Yield every attempt that matches and exists now, oldest first, without holding them all in memory."""
        with self._database.read() as connection:
            last: int = connection.execute(sa.select(sa.func.max(ledger.c.id))).scalar() or 0
        conditions = tuple(conditions_of(filters))
        after = 0
        while found := self._attempts(
            ledger.c.id.between(after + 1, last), *conditions, order=ledger.c.id, limit=CHUNK_SIZE
        ):
            yield from found
            after = found[-1].id

    def without_outcome(self, older_than: timedelta) -> list[PastAttempt]:
        """Return the attempts without an outcome that are older than this, as a crash leaves them; oldest first."""
        conditions = (
            *conditions_of(AttemptFilter(outcome=NO_OUTCOME)),
            ledger.c.at < self._database.now() - older_than,
        )
        return self._attempts(*conditions, order=ledger.c.id.desc(), limit=1000)[::-1]

    def _exists(self, *conditions: sa.ColumnElement[bool]) -> bool:
        return bool(self._entries(*conditions, limit=1))

    def _entries(self, *conditions: sa.ColumnElement[bool], limit: int) -> list[Entry]:
        """Return rows, newest first."""
        query = sa.select(*ENTRY_COLUMNS).where(*conditions).order_by(ledger.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [from_row(Entry, row) for row in connection.execute(query).mappings()]

    def _attempts(
        self, *conditions: sa.ColumnElement[bool], order: sa.ColumnElement[Any], limit: int
    ) -> list[PastAttempt]:
        query = ATTEMPTS.where(*conditions).order_by(order).limit(limit)
        with self._database.read() as connection:
            return [from_row(PastAttempt, row) for row in connection.execute(query).mappings()]
