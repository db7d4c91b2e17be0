"""The JSON of the platform API: the shapes of Zype's documented samples."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from portal.sandbox.seed import SITE_ID, Seed
from portal.sandbox.store import DevicePin

JSON = dict[str, Any]

# Zype's samples carry an offset that is not zero, so that a client can't take local time for UTC.
_ZONE = timezone(timedelta(hours=-4))
_JOINED = datetime(2024, 1, 1, 5, 0, tzinfo=UTC)


def device_pin(device: DevicePin, consumer: Seed | None) -> JSON:
    """Return the DevicePin of the documented sample.

    Args:
        device: its state.
        consumer: whom it is linked to; must agree with the device.
    """
    is_linked = device.consumer_id is not None
    return {
        "_id": device.id,
        "consumer_id": device.consumer_id,
        "created_at": _time(device.created_at),
        "deleted_at": None,
        "device_id": None,
        "linked_device_id": device.linked_device_id,
        "pin": device.pin,
        "pin_expiration": _time(device.expires_at),
        "site_id": SITE_ID,
        "updated_at": _time(device.updated_at),
        "linked": is_linked,
        # The specification names the flag so, with the space; the samples name it as above.
        "linked true": is_linked,
        "subscription_count": consumer.subscriptions if consumer else None,
    }


def consumer(seed: Seed, devices: list[DevicePin]) -> JSON:
    """Return a Consumer, with the secrets that a careful client drops on arrival."""
    return {
        "_id": seed.id,
        "email": seed.email,
        "name": seed.name,
        "created_at": _time(_JOINED),
        "updated_at": _time(_JOINED),
        "last_sign_in_at": None,
        "subscription_count": seed.subscriptions,
        "subscription_plans": [],
        "linked_devices": _linked_devices(seed, devices),
        "site_id": SITE_ID,
        "password_token": "drop-this-password-token",
        "remember_token": "drop-this-remember-token",
        "rss_token": "drop-this-rss-token",
        "parental_access_code": "drop-this-parental-access-code",
        "stripe_id": "drop-this-stripe-id",
        "braintree_id": "drop-this-braintree-id",
    }


def page(rows: list[JSON], current: int, per_page: int, total: int) -> JSON:
    """Return one page of a list.

    Args:
        rows: the page's own rows.
        current: its number, from 1.
        per_page: how many rows a full page has.
        total: how many rows there are in all.
    """
    pages = max(1, -(-total // per_page))
    return {
        "response": rows,
        "pagination": {
            "current": current,
            "previous": current - 1 if current > 1 else None,
            "next": current + 1 if current < pages else None,
            "per_page": per_page,
            "pages": pages,
        },
    }


def _linked_devices(seed: Seed, devices: list[DevicePin]) -> list[str] | list[JSON] | JSON | None:
    objects = {d.linked_device_id: {"linked_device_id": d.linked_device_id, "pin": d.pin} for d in devices}
    match seed.devices:
        case "ids":
            return list(objects)
        case "objects":
            return list(objects.values())
        case "keyed":
            return dict(objects)
        case "null":
            return list(objects) or None


def _time(moment: datetime) -> str:
    return moment.astimezone(_ZONE).isoformat(timespec="milliseconds")
