"""Keeps floods out: so many requests a minute from one address, whatever they ask for, by Flask-Limiter.

Attempts to link or to sign in are limited elsewhere, from the ledger.
"""

import time
from math import ceil
from typing import Any

from flask import Flask, current_app, request
from flask_limiter import Limiter

from portal.settings.addresses import network_prefix
from portal.settings.settings import Settings

EXEMPT = frozenset({"ops.healthz", "ops.readyz"})
# Redis is on the way of every request, so it gets no longer than this to answer.
REDIS_SECONDS = 0.3
_EXTENSION = "portal.limits"


def init_app(app: Flask, settings: Settings) -> None:
    """Refuse a flood from one address with 429, before anything else is done for it.

    Counted in each worker's memory, or in Redis for all of them, and in memory again while that is gone. A limit's
    time begins with the first request of an address.

    Raises in the request:
        flask_limiter.RateLimitExceeded: ``seconds_to_wait`` tells how long the limit holds.
    """
    limiter = Limiter(
        key_func=lambda: network_prefix(client_address()),
        application_limits=["; ".join(str(item) for item in settings.limit_flood)],
        application_limits_exempt_when=lambda: request.endpoint in EXEMPT,
        # Left to itself it lets pass what no route answers to.
        request_identifier=lambda: request.endpoint or "nowhere",
        strategy="fixed-window",
        key_prefix="portal-flood",
        **_storage(settings),
    )
    limiter.init_app(app)
    app.extensions[_EXTENSION] = limiter


def client_address() -> str:
    """Return the address of whoever sent this request, as the operator's proxies saw it.

    It is never empty, since an empty key would switch the limit off.
    """
    return request.remote_addr or "unknown"


def seconds_to_wait() -> int:
    """Return the seconds until the limit that this request met is over, at least one."""
    limiter: Limiter = current_app.extensions[_EXTENSION]
    met = limiter.current_limit
    return max(1, ceil(met.reset_at - time.time())) if met else 1


def _storage(settings: Settings) -> dict[str, Any]:
    if settings.redis_url is None:
        return {"storage_uri": "memory://"}
    return {
        "storage_uri": settings.redis_url.get_secret_value(),
        "storage_options": {"socket_connect_timeout": REDIS_SECONDS, "socket_timeout": REDIS_SECONDS},
        "in_memory_fallback_enabled": True,
    }
