"""Finding a viewer and their TVs: by exact match, one at a time, and only the data that a page needs."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from portal.domain.actors import Actor, ActorKind
from portal.domain.characters import full_width_to_ascii, is_control, visible
from portal.domain.emails import normalise_email, same_email
from portal.domain.outcomes import Action, LookUpOutcome
from portal.ledger.attempts import Attempt, RateLimited
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Counts, Limit
from portal.settings.keys import Purpose
from portal.settings.settings import Settings
from portal.viewers.preferences import ViewerPreferences
from portal.viewers.tv_numbers import TVNumbers
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import NotFound, ZypeError
from portal.zype.outcomes import outcome_of_failed_read, retry_seconds
from portal.zype.payloads import Consumer

# An agent may open a viewer whom they found for this long without another look-up in the ledger.
OPEN_TIME = timedelta(minutes=30)
# With an App key Zype is asked for each TV, one after the other.
MAX_KNOWN_TVS = 20
CONSUMER_ID = re.compile("[A-Za-z0-9]{1,64}")


@dataclass(frozen=True)
class LinkedTV:
    """A TV that is linked to a viewer's account.

    Args:
        handle: 32 hexadecimal characters that identify the TV in a path.
        linked_device_id: Zype's id; never shown.
        number: stands for a name; from 1, in the order of linking, and it stays with the TV.
        name: the viewer's own name for it, if they gave one.
        linked_at: if it was linked through the portal.
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
    """What an agent needs to know of a viewer: their account and their TVs."""

    consumer: Consumer
    tvs: tuple[LinkedTV, ...]


@dataclass(frozen=True)
class LookUpResult:
    """How an agent's attempt to find a viewer ended; retry_after is the seconds until trying again may help."""

    outcome: LookUpOutcome
    viewer: Viewer | None = None
    retry_after: int | None = None


class Directory:
    """Viewers and their TVs, from Zype and the ledger.

    A method that reads the ledger raises sqlalchemy.exc.SQLAlchemyError if that fails.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        history: History,
        preferences: ViewerPreferences,
        numbers: TVNumbers,
        zype: ZypeClient,
    ) -> None:
        self._limits = (Limit(("actor_kind", "actor_id"), settings.limit_lookup, counts=Counts.ALL_OF_AN_AGENT),)
        self._malformed_rows = Limit(
            ("actor_kind", "actor_id"), settings.limit_lookup, counts=Counts.MALFORMED_BY_AN_AGENT
        )
        self._seconds = settings.zype_deadline
        self._by_app_key = settings.zype_app_key is not None
        self._ledger = ledger
        self._history = history
        self._preferences = preferences
        self._numbers = numbers
        self._zype = zype

    def tvs(self, consumer_id: str) -> tuple[LinkedTV, ...]:
        """Return the TVs that are linked to a viewer's account, the newest first. Raises ZypeError."""
        deadline = Deadline(self._seconds)
        if self._by_app_key:
            known = self._history.device_ids(consumer_id, MAX_KNOWN_TVS)
            return self._tvs(consumer_id, self._confirmed(consumer_id, known, deadline))
        return self._tvs(consumer_id, self._zype.consumer(consumer_id, deadline).linked_devices)

    def tv(self, consumer_id: str, handle: str) -> LinkedTV | None:
        """Return the TV of a viewer with this handle, or none if they have no such TV. Raises as ``tvs``."""
        return next((tv for tv in self.tvs(consumer_id) if tv.handle == handle), None)

    def handle(self, consumer_id: str, linked_device_id: str) -> str:
        """Return the keyed hash that identifies a viewer's TV in a path."""
        # The length of the first id makes the text unambiguous.
        text = f"{len(consumer_id)}:{consumer_id}{linked_device_id}"
        return self._ledger.keyring.current.digest(Purpose.DEVICE_HANDLE, text)[:32]

    def find(self, typed: str, actor: Actor) -> LookUpResult:
        """Find the one viewer with exactly this email address or consumer id, and record that they were looked up.

        What people add to an address when they paste it is dropped first: see ``normalise_email``.

        An email address matches in either case of its ASCII letters. Raises as ``Ledger.begin``.
        """
        text = normalise_email(typed) or _consumer_id(typed)
        if text is None:
            return self._malformed(actor)
        # Only as a hash until Zype confirms that it is an id: it may be a PIN, typed into the wrong field.
        attempt = Attempt(Action.LOOK_UP, actor, subject_hash=self._ledger.keyring.subject(text))
        begun = self._ledger.begin(attempt, self._limits)
        if isinstance(begun, RateLimited):
            return LookUpResult(LookUpOutcome.TOO_MANY, retry_after=ceil(begun.retry_after))
        result = self._call_zype(text)
        if result.viewer:
            attempt = replace(attempt, consumer_id=result.viewer.consumer.id)
        self._ledger.finish(attempt, result.outcome)
        return result

    def open(self, consumer_id: str, actor: Actor) -> LookUpResult:
        """Return a viewer whom the agent found recently; look up any other first. Raises as ``find``.

        An email address is malformed here: the id comes from a path, and paths end up in logs and histories.
        """
        if not CONSUMER_ID.fullmatch(consumer_id):
            return self._malformed(actor)
        if self._history.has_looked_up(actor, consumer_id, OPEN_TIME):
            return self._call_zype(consumer_id)
        return self.find(consumer_id, actor)

    def reopen(self, consumer_id: str, actor: Actor) -> LookUpResult | None:
        """Return a viewer whom the agent found recently, or none if they have to be looked up first.

        Nothing is recorded: another site can make the agent's browser open an address, in the agent's name. Raises as
        the class says.
        """
        if not CONSUMER_ID.fullmatch(consumer_id):
            return LookUpResult(LookUpOutcome.MALFORMED)
        if not self._history.has_looked_up(actor, consumer_id, OPEN_TIME):
            return None
        return self._call_zype(consumer_id)

    def _malformed(self, actor: Actor) -> LookUpResult:
        self._ledger.record(Attempt(Action.LOOK_UP, actor), LookUpOutcome.MALFORMED, self._malformed_rows)
        return LookUpResult(LookUpOutcome.MALFORMED)

    def _call_zype(self, text: str) -> LookUpResult:
        deadline = Deadline(self._seconds)
        try:
            if _is_email(text):
                consumer = _match_email(text, self._zype.consumers_by_email(text, deadline))
            else:
                consumer = self._zype.consumer(text, deadline)
        except NotFound:
            consumer = None
        except ZypeError as error:
            return LookUpResult(LookUpOutcome(outcome_of_failed_read(error)), retry_after=retry_seconds(error))
        # Another spelling of the same id would have limits and a history of its own.
        if consumer is None or (consumer.id != text and not _is_email(text)):
            return LookUpResult(LookUpOutcome.NOT_FOUND)
        return LookUpResult(LookUpOutcome.FOUND, Viewer(consumer, self._tvs(consumer.id, consumer.linked_devices)))

    def _confirmed(self, consumer_id: str, device_ids: Sequence[str], deadline: Deadline) -> list[str]:
        """Return which of the TVs that the ledger knows are linked to the viewer, as Zype says of each."""
        confirmed = []
        with self._zype.operation("pin_status", "GET", "/pin/status"):
            for device_id in device_ids:
                with suppress(NotFound):
                    status = self._zype.pin_status(device_id, deadline)
                    if status.consumer_id == consumer_id and status.linked is not False:
                        confirmed.append(device_id)
        return confirmed

    def _tvs(self, consumer_id: str, device_ids: Sequence[str]) -> tuple[LinkedTV, ...]:
        """Return the TVs of a viewer, the newest first; those that were linked elsewhere last, in Zype's order."""
        if not device_ids:
            return ()
        links = self._history.links(consumer_id, device_ids)
        names = self._preferences.tv_names(consumer_id)
        by_age = sorted(device_ids, key=lambda device_id: links[device_id].id if device_id in links else 0)
        numbers = self._numbers.of(consumer_id, by_age)
        elsewhere = [device_id for device_id in device_ids if device_id not in links]
        newest_first = [device_id for device_id in reversed(by_age) if device_id in links]
        return tuple(
            LinkedTV(
                handle=self.handle(consumer_id, device_id),
                linked_device_id=device_id,
                number=numbers[device_id],
                name=names.get(device_id),
                linked_at=links[device_id].at if device_id in links else None,
                linked_by=links[device_id].actor_kind if device_id in links else None,
            )
            for device_id in newest_first + elsewhere
        )


def _match_email(email: str, consumers: Sequence[Consumer]) -> Consumer | None:
    """Return the one consumer with exactly this email; Zype's search may also find similar ones."""
    same = [consumer for consumer in consumers if same_email(consumer.email or "", email)]
    return same[0] if len(same) == 1 else None


def _consumer_id(typed: str) -> str | None:
    """Return the consumer id that was typed, without white space around it and what can't be seen; none if none was."""
    if any(is_control(character) for character in typed):
        return None
    text = full_width_to_ascii(visible(typed)).strip()
    return text if CONSUMER_ID.fullmatch(text) else None


def _is_email(text: str) -> bool:
    # No consumer id has one.
    return "@" in text
