"""Limits the requests of one address against floods.

Attempts to link or to sign in have limits of their own, which are counted in the ledger.
"""

import time
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

import structlog
from flask import Request
from limits import RateLimitItem

from portal.pages.web.application import Portal
from portal.pages.web.request_counts import RequestCounts
from portal.pages.web.shared_counts import SharedCounts
from portal.settings.addresses import NO_ADDRESS, network_prefix, site_prefix
from portal.settings.rates import SITE_FACTOR, times
from portal.settings.settings import Settings

log = structlog.get_logger("portal.web")

EXEMPT = frozenset({"ops.healthz", "ops.readyz"})
KEY_PREFIX = "portal-flood"


class TooManyRequests(Exception):
    """An address has sent more requests than its limit allows.

    Args:
        seconds_to_wait: until the limit is reset, at least one.
    """

    def __init__(self, seconds_to_wait: int) -> None:
        super().__init__("past the limit on floods")
        self.seconds_to_wait = seconds_to_wait


class _FloodLimit(NamedTuple):
    """A limit, and which network an address belongs to that is counted as one; it may be none."""

    item: RateLimitItem
    network: Callable[[str], str | None]


def init_app(app: Portal, settings: Settings, on_refused: Callable[[], None] = lambda: None) -> None:
    """Raise TooManyRequests in the requests of an address that sends too many.

    For IPv6 the address is its /64 network; its /48 network may send ten times as many. They are counted in each
    worker's memory, or in Redis for all workers, and in memory again while Redis does not answer. The window of a limit
    begins with the first request of an address. ``on_refused`` is called for each request too many.
    """
    counts = SharedCounts(settings.redis_url.get_secret_value()) if settings.redis_url else RequestCounts()
    limits = [(limit, limit.item.key_for(KEY_PREFIX), limit.item.get_expiry()) for limit in _limits(settings)]

    @app.check
    def refuse_floods(request: Request) -> None:
        if request.endpoint in EXEMPT:
            return
        # Never empty, because an empty one would not be counted.
        address = request.remote_addr or NO_ADDRESS
        for limit, name, seconds in limits:
            network = limit.network(address)
            if network and counts.incr(f"{name}/{network}", seconds) > limit.item.amount:
                on_refused()
                log.info("too_many_requests", limit=str(limit.item))
                raise TooManyRequests(max(1, ceil(counts.get_expiry(f"{name}/{network}") - time.time())))


def _limits(settings: Settings) -> list[_FloodLimit]:
    """Return the limits, the shortest unit of time first: what one of them refuses is not counted for the next."""
    of_address = [_FloodLimit(item, network_prefix) for item in settings.limit_flood]
    of_site = [_FloodLimit(item, site_prefix) for item in times(settings.limit_flood, SITE_FACTOR)]
    return sorted([*of_address, *of_site], key=lambda limit: limit.item)
