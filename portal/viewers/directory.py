"""Finding a viewer and their TVs: exactly, one at a time, and no more of them than a page needs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

import structlog

from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, LookUpOutcome
from portal.ledger.attempts import Attempt, RateLimited
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Limit
from portal.settings.keys import Purpose
from portal.settings.settings import Settings
from portal.viewers.records import ViewerRecords
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import Misconfigured, NotFound, ZypeError
from portal.zype.payloads import Consumer

log = structlog.get_logger("portal.directory")

DEFAULT_RETRY_SECONDS = 10
# A viewer who was found stays open to the agent for this long, without another look-up being recorded.
OPEN_FOR = timedelta(minutes=30)
CONSUMER_ID = re.compile("[A-Za-z0-9]{1,64}")
# The longest address that can be written to has 254 characters (RFC 5321); more is not worth hashing.
_LONGEST_EMAIL = 254


@dataclass(frozen=True)
class LinkedTV:
    """A TV that is linked to a viewer's account.

    Args:
        handle: 32 hexadecimal characters that stand for the TV in a path.
        linked_device_id: as Zype knows it; never shown.
        number: its place among the viewer's TVs, from 1, in Zype's order.
        name: the viewer's own, if they gave it one.
        linked_at: when, if it was linked through the portal.
        linked_by: a viewer or an agent, if it was linked through the portal.
    """

    handle: str
    linked_device_id: str
    number: int
    name: str | None
    linked_at: datetime | None
    linked_by: ActorKind | None


@dataclass(frozen=True)
class Viewer:
    """What an agent needs to know of a viewer.

    Args:
        since: when Zype made the account, ISO 8601 as Zype wrote it.
        subscriptions: how many, if Zype says.
    """

    consumer_id: str
    name: str | None
    email: str | None
    since: str | None
    subscriptions: int | None
    tvs: tuple[LinkedTV, ...]


@dataclass(frozen=True)
class LookUp:
    """How an agent's attempt to find a viewer ended.

    Args:
        outcome: one of the closed set.
        viewer: who was found, for found alone.
        retry_after: seconds until trying again may help.
    """

    outcome: LookUpOutcome
    viewer: Viewer | None = None
    retry_after: int | None = None


class Directory:
    """Viewers and their TVs, as Zype and the ledger know them.

    Args:
        settings: the limit on look-ups, and how long Zype may take.
        ledger: where a look-up is written before Zype is asked.
        history: which TV was linked when, and by whom.
        records: the viewers' own names of their TVs.
        zype: the client.
    """

    def __init__(
        self, settings: Settings, ledger: Ledger, history: History, records: ViewerRecords, zype: ZypeClient
    ) -> None:
        self._limits = (Limit(("actor_kind", "actor_id"), settings.limit_lookup, is_budget=True),)
        self._seconds = settings.zype_deadline
        self._ledger = ledger
        self._history = history
        self._records = records
        self._zype = zype

    def tvs(self, consumer_id: str) -> tuple[LinkedTV, ...]:
        """Return the TVs that Zype says are linked to a viewer's account.

        Raises:
            ZypeError: Zype does not say.
            sqlalchemy.exc.SQLAlchemyError: the ledger can't be read.
        """
        consumer = self._zype.consumer(consumer_id, Deadline(self._seconds))
        return self._tvs(consumer_id, consumer.linked_devices)

    def tv(self, consumer_id: str, handle: str) -> LinkedTV | None:
        """Return the TV of a viewer that a handle stands for, or none if they have no such TV. Raises as ``tvs``."""
        return next((tv for tv in self.tvs(consumer_id) if tv.handle == handle), None)

    def handle(self, consumer_id: str, linked_device_id: str) -> str:
        """Return the text that stands for a viewer's TV in a path, and tells nothing of it."""
        # A length before the first makes the pair one text in one way only.
        text = f"{len(consumer_id)}:{consumer_id}{linked_device_id}"
        return self._ledger.keyring.current.digest(Purpose.DEVICE_HANDLE, text)[:32]

    def find(self, typed: str, actor: Actor) -> LookUp:
        """Find the one viewer with exactly this e-mail address or consumer id, and record that they were looked up.

        Args:
            typed: by an agent; letters of an e-mail address may be of either case.
            actor: who looks, and from where.

        Raises:
            LedgerUnavailable: the look-up could not be written, so Zype was not asked.
            sqlalchemy.exc.SQLAlchemyError: the ledger can't be read.
        """
        # Other white space is a control character, which no address and no id holds.
        text = typed.strip(" \u00a0")
        if not _is_email(text) and not CONSUMER_ID.fullmatch(text):
            return self._malformed(actor)
        # Only as a hash until Zype says that it is an id: it may be a PIN that was typed into the wrong field.
        attempt = Attempt(Action.LOOK_UP, actor, subject_hash=self._ledger.keyring.subject(text))
        begun = self._ledger.begin(attempt, self._limits, limited_outcome=LookUpOutcome.TOO_MANY)
        if isinstance(begun, RateLimited):
            return LookUp(LookUpOutcome.TOO_MANY, retry_after=ceil(begun.retry_after))
        result = self._ask(text)
        found = result.viewer.consumer_id if result.viewer else None
        self._ledger.finish(attempt, result.outcome, consumer_id=found)
        return result

    def open(self, consumer_id: str, actor: Actor) -> LookUp:
        """Return a viewer whom the agent found a moment ago; anybody else is looked up first. Raises as ``find``.

        An e-mail address is malformed here: this id comes from a path, and paths end up where no address should.
        """
        if not CONSUMER_ID.fullmatch(consumer_id):
            return self._malformed(actor)
        if self._history.has_looked_up(actor, consumer_id, OPEN_FOR):
            return self._ask(consumer_id)
        return self.find(consumer_id, actor)

    def _malformed(self, actor: Actor) -> LookUp:
        self._ledger.record(Attempt(Action.LOOK_UP, actor), LookUpOutcome.MALFORMED)
        return LookUp(LookUpOutcome.MALFORMED)

    def _ask(self, text: str) -> LookUp:
        deadline = Deadline(self._seconds)
        try:
            if _is_email(text):
                consumer = _exactly(text, self._zype.consumers_by_email(text, deadline))
            else:
                consumer = _of_id(text, self._zype.consumer(text, deadline))
        except NotFound:
            consumer = None
        except ZypeError as error:
            return _failed(error)
        if consumer is None:
            return LookUp(LookUpOutcome.NOT_FOUND)
        tvs = self._tvs(consumer.id, consumer.linked_devices)
        viewer = Viewer(
            consumer.id, consumer.name, consumer.email, consumer.created_at, consumer.subscription_count, tvs
        )
        return LookUp(LookUpOutcome.FOUND, viewer)

    def _tvs(self, consumer_id: str, linked_device_ids: Sequence[str]) -> tuple[LinkedTV, ...]:
        links = self._history.links(consumer_id, linked_device_ids) if linked_device_ids else {}
        names = self._records.tv_names(consumer_id) if linked_device_ids else {}
        return tuple(
            LinkedTV(
                handle=self.handle(consumer_id, device_id),
                linked_device_id=device_id,
                number=number,
                name=names.get(device_id),
                linked_at=links[device_id].at if device_id in links else None,
                linked_by=links[device_id].actor_kind if device_id in links else None,
            )
            for number, device_id in enumerate(linked_device_ids, start=1)
        )


def _exactly(email: str, consumers: Sequence[Consumer]) -> Consumer | None:
    """Return the one consumer with this e-mail; Zype's search may be kinder than ours, and look-alikes are others."""
    same = [consumer for consumer in consumers if _folded(consumer.email or "") == _folded(email)]
    return same[0] if len(same) == 1 else None


def _of_id(consumer_id: str, consumer: Consumer) -> Consumer | None:
    """Return the consumer if that is their id, letter for letter: another spelling would begin another history."""
    return consumer if consumer.id == consumer_id else None


def _is_email(text: str) -> bool:
    return "@" in text and len(text) <= _LONGEST_EMAIL and text.isprintable()


def _folded(email: str) -> str:
    # Only letters of ASCII come in two cases that mean the same in an address; a long s is no s.
    return "".join(character.lower() if character.isascii() else character for character in email.strip())


def _failed(error: ZypeError) -> LookUp:
    seconds = ceil(error.retry_after or DEFAULT_RETRY_SECONDS)
    if isinstance(error, Misconfigured):
        log.error("zype_refused_our_key", error=str(error))
        return LookUp(LookUpOutcome.MISCONFIGURED, retry_after=seconds)
    log.warning("zype_could_not_be_asked", error=str(error))
    return LookUp(LookUpOutcome.UNAVAILABLE, retry_after=seconds)
