"""Arithmetic with limits in the notation of the ``limits`` library."""

from collections.abc import Iterable

from limits import RateLimitItem

# A /48 network of IPv6 has 65,536 networks of /64. One customer may have all of them, or ten may share it.
SITE_FACTOR = 10


def times(items: Iterable[RateLimitItem], factor: int) -> tuple[RateLimitItem, ...]:
    """Return items that allow so many times as many in the same windows."""
    return tuple(type(item)(item.amount * factor, item.multiples, namespace=item.namespace) for item in items)
