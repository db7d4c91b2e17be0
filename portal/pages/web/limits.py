"""Limits the requests of one address against floods, with Flask-Limiter.

Attempts to link or to sign in have limits of their own, which are counted in the ledger.
"""

import time
from collections.abc import Callable, Iterable
from math import ceil
from typing import Any

from flask import Flask, current_app, request
from flask_limiter import ApplicationLimit, Limiter
from limits import RateLimitItem

from portal.pages.web.request_counts import RequestCounts
from portal.settings.addresses import NO_ADDRESS, network_prefix, site_prefix
from portal.settings.rates import SITE_FACTOR, times
from portal.settings.settings import Settings

EXEMPT = frozenset({"ops.healthz", "ops.readyz"})
# Every request waits for Redis, so its time-out is short.
REDIS_SECONDS = 0.3
KEY_PREFIX = "portal-flood"
_EXTENSION = "portal.limits"


def init_app(app: Flask, settings: Settings, on_refused: Callable[[], None] = lambda: None) -> None:
    """Raise flask_limiter.RateLimitExceeded in the requests of an address that sends too many.

    For IPv6 the address is its /64 network; its /48 network may send ten times as many. They are counted in each
    worker's memory, or in Redis for all workers, and in memory again while Redis does not answer. The window of a limit
    begins with the first request of an address. ``on_refused`` is called for each request too many.
    """
    limiter = Limiter(
        key_func=lambda: network_prefix(client_address()),
        application_limits=[
            ApplicationLimit(_notation(settings.limit_flood), exempt_when=_is_exempt),
            ApplicationLimit(
                _notation(times(settings.limit_flood, SITE_FACTOR)),
                key_function=lambda: site_prefix(client_address()) or "",
                exempt_when=lambda: _is_exempt() or site_prefix(client_address()) is None,
            ),
        ],
        # By default requests that match no route are not counted.
        request_identifier=lambda: request.endpoint or "nowhere",
        strategy="fixed-window",
        key_prefix=KEY_PREFIX,
        on_breach=lambda _: on_refused(),
        **_storage(settings),
    )
    limiter.init_app(app)
    app.extensions[_EXTENSION] = limiter


def client_address() -> str:
    """Return the client's address; never empty, because an empty key would switch the limit off."""
    return request.remote_addr or NO_ADDRESS


def seconds_to_wait() -> int:
    """Return the seconds until the limit that this request exceeded is reset, at least one."""
    limiter: Limiter = current_app.extensions[_EXTENSION]
    exceeded = limiter.current_limit
    return max(1, ceil(exceeded.reset_at - time.time())) if exceeded else 1


def _is_exempt() -> bool:
    return request.endpoint in EXEMPT


def _notation(items: Iterable[RateLimitItem]) -> str:
    return "; ".join(str(item) for item in items)


def _storage(settings: Settings) -> dict[str, Any]:
    if settings.redis_url is None:
        return {"storage_uri": f"{RequestCounts.STORAGE_SCHEME[0]}://"}
    return {
        "storage_uri": settings.redis_url.get_secret_value(),
        "storage_options": {"socket_connect_timeout": REDIS_SECONDS, "socket_timeout": REDIS_SECONDS},
        # That memory is the library's, with a thread for each request: ours can't be given to it.
        "in_memory_fallback_enabled": True,
        # Of requests that wait for Redis together when it fails, the first turns to memory. The others are not counted.
        "swallow_errors": True,
    }
