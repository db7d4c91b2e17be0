"""The rules of linking: limit, attempt, Zype, outcome. A viewer and an agent take the same path."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from math import ceil

import structlog
from limits import parse
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import describe
from portal.domain.actors import Actor, ActorKind, Reason
from portal.domain.outcomes import Action, LinkResult, Outcome
from portal.domain.pins import MalformedPin, Pin
from portal.ledger.attempts import Attempt, Begun, InFlight, RateLimited
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Limit
from portal.linking.in_flight import TooManyWaiters, Waiters
from portal.linking.reconciliation import SecondLook
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import Misconfigured, NotFound, Refused, Unavailable, ZypeError
from portal.zype.payloads import DevicePin

log = structlog.get_logger("portal.linking")

DEFAULT_RETRY_SECONDS = 10
# How often one agent may fail for one viewer; the design fixes it, and PORTAL_LIMIT_AGENT is about the whole day.
AGENT_FOR_ONE_VIEWER = (parse("10/15minutes"),)


class Linking:
    """Links a TV to a consumer's account by its PIN.

    Args:
        settings: the limits, what a PIN looks like, and how long Zype may take.
        ledger: where attempts are written before Zype is asked, and outcomes after.
        zype: the client.
        waiters: the places for second clicks to wait in.
        count: called with the outcome and the kind of actor of every attempt.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        history: History,
        zype: ZypeClient,
        waiters: Waiters,
        count: Callable[[str, str], None] = lambda outcome, actor: None,
    ) -> None:
        self._rules = settings.pin_rules
        by_address = Limit(("address_hash",), settings.limit_address)
        # Each begins with the lock on the viewer, so that nobody waits for somebody who waits for them.
        self._limits = {
            ActorKind.VIEWER: (Limit(("consumer_id",), settings.limit_viewer, among=("actor_kind",)), by_address),
            ActorKind.AGENT: (
                Limit(("consumer_id",), AGENT_FOR_ONE_VIEWER, among=("actor_kind", "actor_id")),
                Limit(("actor_kind", "actor_id"), settings.limit_agent, is_budget=True),
                by_address,
            ),
        }
        self._seconds = settings.zype_deadline
        self._ledger = ledger
        self._history = history
        self._zype = zype
        self._waiters = waiters
        self._count = count
        self._second_look = SecondLook(settings.pin_rules, ledger, history, zype)

    def link(self, typed: str, consumer_id: str, actor: Actor, reason: Reason | None = None) -> LinkResult:
        """Link the TV that shows a PIN to a consumer's account.

        Args:
            typed: the PIN as it was typed.
            consumer_id: whose account.
            actor: who links, and from where: a viewer or an agent.
            reason: why, if it is an agent.

        Raises:
            LedgerUnavailable: the attempt could not be written, so nothing was sent to Zype.
        """
        try:
            pin = self._rules.normalise(typed)
        except MalformedPin:
            result = self._malformed(Attempt(Action.LINK, actor, consumer_id, reason=reason))
        else:
            fingerprint = self._ledger.keyring.fingerprint(pin)
            attempt = Attempt(Action.LINK, actor, consumer_id, pin_fingerprint=fingerprint, reason=reason)
            result = self._attempt(pin, consumer_id, attempt)
        self._count(result.outcome, actor.kind)
        return result

    def _malformed(self, attempt: Attempt) -> LinkResult:
        self._ledger.record(attempt, Outcome.MALFORMED)
        return LinkResult(Outcome.MALFORMED, attempt.id)

    def _attempt(self, pin: Pin, consumer_id: str, attempt: Attempt) -> LinkResult:
        # A twin that is older than Zype may take has lost its process; asking again is safe.
        join_within = timedelta(seconds=self._seconds + 1)
        match self._ledger.begin(attempt, self._limits[attempt.actor.kind], join_within=join_within):
            case RateLimited(seconds):
                return LinkResult(Outcome.TOO_MANY, attempt.id, retry_after=ceil(seconds))
            case InFlight(attempt_id):
                return self._join(attempt, attempt_id)
            case Begun():
                return self._ask(pin, attempt, consumer_id)

    def _join(self, attempt: Attempt, attempt_id: str) -> LinkResult:
        """Wait for what the first click comes to, instead of asking Zype twice."""
        try:
            entry = self._waiters.wait(attempt_id, self._seconds, lambda: self._history.outcome(attempt_id))
        except TooManyWaiters:
            return LinkResult(Outcome.UNAVAILABLE, attempt_id, retry_after=DEFAULT_RETRY_SECONDS)
        except SQLAlchemyError as error:
            log.error("ledger_unreadable", attempt_id=attempt_id, why=describe(error))
            return LinkResult(Outcome.UNKNOWN, attempt_id)
        if entry is None or entry.outcome is None:
            return LinkResult(Outcome.UNKNOWN, attempt_id)
        outcome = Outcome(entry.outcome)
        if not entry.is_by(attempt.actor):
            # Zype was asked once for both, but the record names everybody who acted, and why.
            self._ledger.record(replace(attempt, linked_device_id=entry.linked_device_id), outcome)
            attempt_id = attempt.id
        is_passing = outcome in (Outcome.UNAVAILABLE, Outcome.MISCONFIGURED)
        retry_after = DEFAULT_RETRY_SECONDS if is_passing else None
        return LinkResult(outcome, attempt_id, entry.linked_device_id, retry_after)

    def _ask(self, pin: Pin, attempt: Attempt, consumer_id: str) -> LinkResult:
        deadline = Deadline(self._seconds)
        started = time.monotonic()
        result = LinkResult(Outcome.LINKED, attempt.id)
        try:
            device = self._zype.link(pin, consumer_id, deadline)
            result = replace(result, linked_device_id=device.linked_device_id)
            if contradicts(device, consumer_id):
                result = LinkResult(Outcome.REFUSED, attempt.id)
        except (NotFound, Refused) as error:
            said = Outcome.NOT_FOUND if isinstance(error, NotFound) else Outcome.REFUSED
            result = self._second_look.judge(said, pin, attempt, consumer_id, deadline)
        except ZypeError as error:
            result = replace(result, outcome=_outcome(error), retry_after=_retry_after(error))
        self._ledger.finish(
            attempt,
            result.outcome,
            linked_device_id=result.linked_device_id,
            milliseconds=round((time.monotonic() - started) * 1000),
            # The second look found that an earlier attempt had linked the TV.
            is_repeat=result.attempt_id != attempt.id,
        )
        return result


def contradicts(device: DevicePin, consumer_id: str) -> bool:
    """Tell whether Zype's yes says something else: another consumer, or not linked."""
    return device.consumer_id not in (None, "", consumer_id) or device.linked is False


def _outcome(error: ZypeError) -> Outcome:
    """Return what a failure of Zype's means for the viewer, and tell the operator."""
    match error:
        case Unavailable():
            log.warning("zype_unavailable", error=str(error))
            return Outcome.UNAVAILABLE
        case Misconfigured():
            log.error("zype_refused_our_key", error=str(error))
            return Outcome.MISCONFIGURED
        case _:
            log.warning("zype_outcome_unknown", error=str(error))
            return Outcome.UNKNOWN


def _retry_after(error: ZypeError) -> int | None:
    if isinstance(error, Unavailable | Misconfigured):
        return ceil(error.retry_after or DEFAULT_RETRY_SECONDS)
    return None
