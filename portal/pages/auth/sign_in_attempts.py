"""What every way to sign in does, for viewers and support staff alike: an attempt in the ledger, limits, an outcome."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Generic, TypeVar

from limits import RateLimitItem

from portal.domain.outcomes import SignInOutcome
from portal.ledger.attempts import Attempt, RateLimited
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Limit
from portal.pages.identity.viewer import Viewer
from portal.pages.web.responses import status_of
from portal.services import Services

# An account is never locked, or anybody could lock it: past the limit from many addresses, each try takes this long.
SLOW_SECONDS = 2.0
# A few of the worker's threads may wait like that; more would let guessing stop the portal.
_slow_slots = threading.BoundedSemaphore(4)
# A household, a school or a carrier shares an address, so it may fail this many times as often as one account.
ADDRESS_FACTOR = 10
RETRY_SECONDS = 5

Value = TypeVar("Value")


@dataclass(frozen=True)
class SignInResult(Generic[Value]):
    """How an attempt to sign in ended: with a value, such as the viewer, if it succeeded; retry_after is in seconds."""

    outcome: SignInOutcome
    value: Value | None = None
    retry_after: int | None = None

    def problem(self) -> dict[str, Any]:
        """Return what a page needs in order to say why nobody was signed in: arguments of ``render_page``."""
        return {"problem": self.outcome, "status": status_of(self.outcome), "retry_after": self.retry_after}


def run_attempt(
    ledger: Ledger, attempt: Attempt, limits: tuple[Limit, ...], authenticate: Callable[[], SignInResult[Value]]
) -> SignInResult[Value]:
    """Authenticate unless a limit is reached; write attempt and outcome. Raises as ``Ledger.begin``."""
    begun = ledger.begin(attempt, limits)
    if isinstance(begun, RateLimited):
        return SignInResult(SignInOutcome.TOO_MANY, retry_after=ceil(begun.retry_after))
    result = authenticate()
    consumer_id = result.value.consumer_id if isinstance(result.value, Viewer) else None
    ledger.finish(replace(attempt, consumer_id=consumer_id), result.outcome)
    return result


def run_password_attempt(
    services: Services, attempt: Attempt, verify: Callable[[], SignInResult[Value]]
) -> SignInResult[Value]:
    """Run an attempt with a password: limited by account and address, slowed where many addresses try the account.

    Raises as ``Ledger.begin``, and sqlalchemy.exc.SQLAlchemyError if the ledger can't be read.
    """
    ledger, items = services.ledger, services.settings.limit_sign_in

    def authenticate() -> SignInResult[Value]:
        if ledger.is_subject_limited(attempt, items) and not _slow_down():
            return SignInResult(SignInOutcome.UNAVAILABLE, retry_after=RETRY_SECONDS)
        return verify()

    return run_attempt(
        ledger, attempt, (Limit(("subject_hash", "address_hash"), items), address_limit(items)), authenticate
    )


def address_limit(items: tuple[RateLimitItem, ...]) -> Limit:
    """Return the limit on an address, whatever accounts it tries."""
    tenfold = tuple(
        type(item)(item.amount * ADDRESS_FACTOR, item.multiples, namespace=item.namespace) for item in items
    )
    return Limit(("address_hash",), tenfold)


def _slow_down() -> bool:
    """Wait for SLOW_SECONDS, unless too many threads wait already; tell whether this one did."""
    if not _slow_slots.acquire(blocking=False):
        return False
    try:
        time.sleep(SLOW_SECONDS)
    finally:
        _slow_slots.release()
    return True
