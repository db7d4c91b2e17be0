"""Limits on sign-in, for viewers and support staff alike: an account is slowed when it is guessed at, never locked."""

import threading
import time

from limits import RateLimitItem

from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Limit

# An account is never locked, or anybody could lock it: past the limit from many addresses, each try takes this long.
SLOW_SECONDS = 2.0
# A few of the worker's threads may wait like that; more would let guessing stop the portal.
_slow_places = threading.BoundedSemaphore(4)
# An address is shared by a household, a school or a carrier, so it may fail this many times as often as one account.
ADDRESS_FACTOR = 10


def limits(items: tuple[RateLimitItem, ...]) -> tuple[Limit, ...]:
    """Return the limits on an account from one address, and on an address."""
    return (Limit(("subject_hash", "address_hash"), items), by_address(items))


def by_address(items: tuple[RateLimitItem, ...]) -> Limit:
    """Return the limit on an address, whatever somebody signs in as."""
    tenfold = tuple(
        type(item)(item.amount * ADDRESS_FACTOR, item.multiples, namespace=item.namespace) for item in items
    )
    return Limit(("address_hash",), tenfold)


def may_try(ledger: Ledger, attempt: Attempt, items: tuple[RateLimitItem, ...]) -> bool:
    """Tell whether a password may be looked at now; where the account is guessed at from many addresses, after a wait.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the ledger can't be read.
    """
    return not ledger.is_guessed_at(attempt, items) or _slow_down()


def _slow_down() -> bool:
    """Wait, unless too many wait already; tell whether there was a place."""
    if not _slow_places.acquire(blocking=False):
        return False
    try:
        time.sleep(SLOW_SECONDS)
    finally:
        _slow_places.release()
    return True
