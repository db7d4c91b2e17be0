"""A bulkhead with shares: a slow Zype can't occupy all threads, and nobody can occupy all calls.

It holds no lock during a call. A call goes ahead or is refused at once; only a few who sign in or link wait a moment.
"""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from enum import StrEnum

from portal.domain.actors import Actor
from portal.settings.addresses import network_prefix
from portal.zype.errors import Busy

FindCaller = Callable[[], Actor | None]

# Calls in flight for one viewer or agent, and for one address: a household or an office.
CALLS_OF_ONE = 3
CALLS_OF_ADDRESS = 8
# How long who signs in waits for a place: when an event begins, more people sign in at once than there are places.
WAIT_SECONDS = 2.0
# A link waits until the oldest link in flight has taken so long. When Zype hangs, nobody waits for it in vain.
LINK_SECONDS = 1.0
# When to try again after a refusal: a call in flight seldom takes longer.
_RETRY_AFTER = 1.0


class Pool(StrEnum):
    """What a call in flight takes a place of, in words for the log."""

    ALL = "too many calls in flight"
    LINKS = "too many calls in flight to link"
    # Of people who are signed in: their TVs, look-ups, unlinking.
    OTHERS = "too many calls in flight besides links"
    # Signing in, and whatever else strangers can ask for.
    SIGNED_OUT = "too many calls in flight for people who are not signed in"
    CALLER = "too many calls in flight for this viewer or agent"
    ADDRESS = "too many calls in flight for this address"


# What one who signs in waits for a place of, and what a link does.
_SIGN_IN_WAITS_FOR = frozenset({Pool.SIGNED_OUT})
_LINK_WAITS_FOR = frozenset({Pool.ALL, Pool.LINKS, Pool.ADDRESS})


class Bulkhead:
    """Limits the calls in flight over all origins of a worker, in all and for each of those who ask for them.

    Half of the places are kept for links, so that neither reloads of other pages nor sign-ins stop them. A quarter is
    for people who are not signed in, and links can't take those.

    Args:
        places: calls in flight in all.
        on_full: called with the pool that has no place left for a call, which is refused.
        waiting: how many people may wait for a place, each in a thread.
    """

    def __init__(self, places: int, on_full: Callable[[Pool], None] = lambda pool: None, waiting: int = 0) -> None:
        quarter = places // 4
        self._sizes = {
            Pool.ALL: places,
            Pool.LINKS: max(1, places - quarter),
            Pool.OTHERS: max(1, places // 2 - quarter),
            Pool.SIGNED_OUT: max(1, quarter),
            Pool.CALLER: CALLS_OF_ONE,
            Pool.ADDRESS: CALLS_OF_ADDRESS,
        }
        self._on_full = on_full
        self._max_waiting = waiting
        self._waiting = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        # By share; none that has no call in flight.
        self._taken: dict[Hashable, int] = {}
        # The links in flight and when they began, by a monotonic clock; the oldest is the first.
        self._links: dict[_Place, float] = {}

    def slot(
        self, method: str, path: str, find_caller: FindCaller = lambda: None, *, for_link: bool = False
    ) -> AbstractContextManager[None]:
        """Take a place and return it for a with statement, at whose end it is free again. Raises Busy if there is none.

        Inside another such statement of the same thread, the place of that one is enough.

        Args:
            find_caller: returns who asks for the call, without an id if they are not signed in; none for the portal.
            for_link: the call is part of a link.
        """
        if _bulkhead_of_place.get() is self:
            return _SHARED_PLACE
        place = _Place(self, _shares(find_caller(), for_link=for_link), for_link=for_link)
        with self._lock:
            full = self._full(place) and self._wait(place)
            if not full:
                self._take(place)
        if full:
            self._on_full(full[0])
            raise Busy(method, path, reason=full[0], retryable=True, retry_after=_RETRY_AFTER)
        return place

    def _take(self, place: "_Place") -> None:
        for share in place.shares.values():
            self._taken[share] = self._taken.get(share, 0) + 1
        if place.for_link:
            self._links[place] = time.monotonic()

    def release(self, place: "_Place") -> None:
        """Free a place. The end of its with statement does that."""
        with self._lock:
            self._links.pop(place, None)
            for share in place.shares.values():
                self._taken[share] -= 1
                if not self._taken[share]:
                    del self._taken[share]
            if self._waiting:
                self._changed.notify_all()

    def _full(self, place: "_Place") -> list[Pool]:
        return [pool for pool, share in place.shares.items() if self._taken.get(share, 0) >= self._sizes[pool]]

    def _wait(self, place: "_Place") -> list[Pool]:
        """Wait for a place, if that is worth it and there is room to wait, and return what is full then."""
        pools, seconds = _SIGN_IN_WAITS_FOR, WAIT_SECONDS
        if place.for_link:
            pools, seconds = _LINK_WAITS_FOR, self._seconds_for_links()
        if seconds > 0 and self._waiting < self._max_waiting:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: not (full := self._full(place)) or not pools.issuperset(full), seconds)
            finally:
                self._waiting -= 1
        return self._full(place)

    def _seconds_for_links(self) -> float:
        """Return how long a link waits: none if there is no other link whose place it could get."""
        if not self._links:
            return 0.0
        oldest = next(iter(self._links.values()))
        return LINK_SECONDS - (time.monotonic() - oldest)


class _Place(AbstractContextManager[None]):
    """A place that a thread takes."""

    def __init__(self, bulkhead: Bulkhead, shares: Mapping[Pool, Hashable], *, for_link: bool) -> None:
        self._bulkhead = bulkhead
        self.shares = shares
        self.for_link = for_link

    def __enter__(self) -> None:
        self._token: Token[Bulkhead | None] = _bulkhead_of_place.set(self._bulkhead)

    def __exit__(self, *_: object) -> None:
        _bulkhead_of_place.reset(self._token)
        self._bulkhead.release(self)


_SHARED_PLACE = nullcontext()
_bulkhead_of_place: ContextVar[Bulkhead | None] = ContextVar("bulkhead_of_place", default=None)


def _shares(caller: Actor | None, *, for_link: bool) -> Mapping[Pool, Hashable]:
    """Return what a call takes a place of: by pool, and within the last two by who asks."""
    shares: dict[Pool, Hashable] = {Pool.ALL: Pool.ALL}
    if caller is None:
        return shares
    shares[Pool.ADDRESS] = (Pool.ADDRESS, network_prefix(caller.address))
    if not caller.id:
        return shares | {Pool.SIGNED_OUT: Pool.SIGNED_OUT}
    shares[Pool.CALLER] = (Pool.CALLER, caller.kind, caller.id)
    pool = Pool.LINKS if for_link else Pool.OTHERS
    return shares | {pool: pool}
