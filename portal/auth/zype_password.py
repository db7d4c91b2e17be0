"""Signing in with e-mail and password: our form, Zype's password grant."""

import threading
import time
from math import ceil

from limits import RateLimitItem

from portal.attempt_limits import Limit
from portal.attempts import Attempt, Limited
from portal.auth.providers import RETRY_SECONDS, SignInResult, failed, identify
from portal.models import Action, Actor, SignInOutcome
from portal.services import Services
from portal.zype.errors import BadCredentials, ZypeError
from portal.zype.wire import Deadline

# An account is never locked, or anybody could lock it: past the limit from many addresses, each try takes this long.
SLOW_SECONDS = 2.0
# A few of the worker's threads may wait like that; more would let guessing stop the portal.
_slow_places = threading.BoundedSemaphore(4)
# An address is shared by a household, a school or a carrier, so it may fail this many times as often as one account.
ADDRESS_FACTOR = 10


def sign_in(services: Services, email: str, password: str, actor: Actor) -> SignInResult:
    """Sign a viewer in.

    Args:
        services: the portal's.
        email: as it was typed.
        password: as it was typed.
        actor: where the attempt comes from.

    Raises:
        LedgerUnavailable: the attempt could not be written, so Zype was not asked.
    """
    ledger = services.ledger
    attempt = Attempt(Action.SIGN_IN, actor, subject_hash=ledger.keyring.subject(email))
    items = services.settings.limit_sign_in
    begun = ledger.begin(attempt, _limits(items), limited_outcome=SignInOutcome.TOO_MANY)
    if isinstance(begun, Limited):
        return SignInResult(SignInOutcome.TOO_MANY, retry_after=ceil(begun.seconds))
    result = _ask(services, email, password, attempt)
    consumer_id = result.profile.consumer_id if result.profile else None
    ledger.finish(attempt, result.outcome, consumer_id=consumer_id)
    return result


def _limits(items: tuple[RateLimitItem, ...]) -> tuple[Limit, ...]:
    tenfold = tuple(
        type(item)(item.amount * ADDRESS_FACTOR, item.multiples, namespace=item.namespace) for item in items
    )
    return (Limit(("subject_hash", "address_hash"), items), Limit(("address_hash",), tenfold))


def _ask(services: Services, email: str, password: str, attempt: Attempt) -> SignInResult:
    if services.ledger.is_guessed_at(attempt, services.settings.limit_sign_in) and not _slow_down():
        return SignInResult(SignInOutcome.UNAVAILABLE, retry_after=RETRY_SECONDS)
    deadline = Deadline(services.settings.zype_deadline)
    try:
        token = services.zype.token(email, password, deadline)
    except BadCredentials:
        return SignInResult(SignInOutcome.WRONG)
    except ZypeError as error:
        return failed(error)
    try:
        return SignInResult(SignInOutcome.SIGNED_IN, identify(services.zype, token, deadline))
    except ZypeError as error:
        return failed(error)


def _slow_down() -> bool:
    """Wait, unless too many wait already; tell whether there was a place."""
    if not _slow_places.acquire(blocking=False):
        return False
    try:
        time.sleep(SLOW_SECONDS)
    finally:
        _slow_places.release()
    return True
