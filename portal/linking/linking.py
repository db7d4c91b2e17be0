"""The rules of linking: limits, attempt, Zype, outcome. A viewer and an agent take the same path."""

import time
from collections.abc import Callable
from dataclasses import replace
from math import ceil

from limits import parse

from portal.domain.actors import Actor, ActorKind, Reason
from portal.domain.outcomes import Action, LinkResult, Outcome
from portal.domain.pins import MalformedPin, Pin
from portal.ledger.attempts import Attempt, Begun, RateLimited
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Counts, Limit, address_limits
from portal.linking.in_flight import Joined, SingleFlight
from portal.linking.reconciliation import Reconciliation
from portal.settings.rates import times
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import NotFound, Refused, ZypeError
from portal.zype.outcomes import DEFAULT_RETRY_SECONDS, outcome_of_failed_write, retry_seconds
from portal.zype.payloads import DevicePin

# How often one agent may fail for one viewer. The design fixes it; PORTAL_LIMIT_AGENT limits the whole day.
AGENT_LIMIT_PER_VIEWER = (parse("10/15minutes"),)
# The ledger takes so many times more malformed PINs of a viewer than PINs of theirs may fail.
MALFORMED_FACTOR = 10


class Linking:
    """Links a TV to a consumer's account by its PIN; count is called with every attempt's outcome and kind of actor."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        zype: ZypeClient,
        single_flight: SingleFlight,
        reconciliation: Reconciliation,
        count: Callable[[str, str], None] = lambda outcome, actor: None,
    ) -> None:
        self._pin_rules = settings.pin_rules
        by_address = address_limits(settings.limit_address)
        # Each begins with the lock on the viewer, so that two attempts can't deadlock.
        self._limits = {
            ActorKind.VIEWER: (Limit(("consumer_id",), settings.limit_viewer, group_by=("actor_kind",)), *by_address),
            ActorKind.AGENT: (
                Limit(("consumer_id",), AGENT_LIMIT_PER_VIEWER, group_by=("actor_kind", "actor_id")),
                Limit(("actor_kind", "actor_id"), settings.limit_agent, counts=Counts.ALL_OF_AN_AGENT),
                *by_address,
            ),
        }
        # Past these a malformed PIN is not written to the ledger any more. It is never refused for being one too many.
        rows = times(settings.limit_viewer, MALFORMED_FACTOR)
        of_agent = Limit(("actor_kind", "actor_id"), settings.limit_agent, counts=Counts.MALFORMED_BY_AN_AGENT)
        self._malformed_rows = {
            ActorKind.VIEWER: Limit(("consumer_id",), rows, ("actor_kind",), Counts.MALFORMED),
            ActorKind.AGENT: of_agent,
        }
        self._seconds = settings.zype_deadline
        self._ledger = ledger
        self._zype = zype
        self._single_flight = single_flight
        self._reconciliation = reconciliation
        self._count = count

    def link(self, typed: str, consumer_id: str, actor: Actor, reason: Reason | None = None) -> LinkResult:
        """Link the TV that shows a PIN, as typed, to a consumer's account. Raises as ``Ledger.begin``."""
        try:
            pin = self._pin_rules.normalise(typed)
        except MalformedPin:
            attempt = Attempt(Action.LINK, actor, consumer_id, reason=reason)
            self._ledger.record(attempt, Outcome.MALFORMED, self._malformed_rows[actor.kind])
            result = LinkResult(Outcome.MALFORMED, attempt.id)
        else:
            fingerprint = self._ledger.keyring.fingerprint(pin)
            attempt = Attempt(Action.LINK, actor, consumer_id, pin_fingerprint=fingerprint, reason=reason)
            result = self._attempt(pin, consumer_id, attempt)
        self._count(result.outcome, actor.kind)
        return result

    def _attempt(self, pin: Pin, consumer_id: str, attempt: Attempt) -> LinkResult:
        match self._single_flight.begin(attempt, self._limits[attempt.actor.kind]):
            case RateLimited(retry_after):
                return LinkResult(Outcome.TOO_MANY, attempt.id, retry_after=ceil(retry_after))
            case Joined(outcome, attempt_id, linked_device_id):
                is_retryable = outcome in (Outcome.UNAVAILABLE, Outcome.MISCONFIGURED)
                seconds = DEFAULT_RETRY_SECONDS if is_retryable else None
                return LinkResult(Outcome(outcome), attempt_id, linked_device_id, seconds)
            case Begun():
                return self._call_zype(pin, consumer_id, attempt)

    def _call_zype(self, pin: Pin, consumer_id: str, attempt: Attempt) -> LinkResult:
        deadline, started = Deadline(self._seconds), time.monotonic()
        try:
            with self._zype.operation("link", "PUT", "/pin/link", for_link=True):
                # It may have waited for its place, which is not Zype's time.
                started = time.monotonic()
                result = self._link(pin, consumer_id, attempt, deadline)
        except ZypeError as error:
            outcome = outcome_of_failed_write(error)
            seconds = None if outcome is Outcome.UNKNOWN else retry_seconds(error)
            result = LinkResult(outcome, attempt.id, retry_after=seconds)
        self._ledger.finish(
            replace(attempt, linked_device_id=result.linked_device_id),
            result.outcome,
            milliseconds=round((time.monotonic() - started) * 1000),
            # Reconciliation found that an earlier attempt had linked the TV.
            is_repeat=result.attempt_id != attempt.id,
        )
        return result

    def _link(self, pin: Pin, consumer_id: str, attempt: Attempt, deadline: Deadline) -> LinkResult:
        try:
            device = self._zype.link(pin, consumer_id, deadline)
        except (NotFound, Refused) as error:
            outcome = Outcome.NOT_FOUND if isinstance(error, NotFound) else Outcome.REFUSED
            return self._reconciliation.reconcile(outcome, pin, attempt, consumer_id, deadline)
        if _is_for_another(device, consumer_id):
            return LinkResult(Outcome.REFUSED, attempt.id)
        return LinkResult(Outcome.LINKED, attempt.id, device.linked_device_id)


def _is_for_another(device: DevicePin, consumer_id: str) -> bool:
    """Tell whether a 200 of Zype names another consumer, or says that the device is not linked."""
    return device.consumer_id not in (None, "", consumer_id) or device.linked is False
