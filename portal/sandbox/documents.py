"""The JSON of the platform API, in the shapes of Zype's documented samples."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from portal.sandbox.seed import SITE_ID, Consumer
from portal.sandbox.store import Device

JSON = dict[str, Any]

# As in Zype's samples the offset is not zero, so that a client can't take local time for UTC.
_ZONE = timezone(timedelta(hours=-4))
_CREATED_AT = datetime(2024, 1, 1, 5, 0, tzinfo=UTC)


def device_pin(device: Device, subscriptions: int | None) -> JSON:
    """Return a DevicePin; ``subscriptions`` are those of the consumer that it is linked to, if any."""
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
        # The specification's name for the flag, with the space; the samples use the one above.
        "linked true": is_linked,
        "subscription_count": subscriptions,
    }


def consumer(consumer: Consumer, devices: list[Device]) -> JSON:
    """Return a Consumer, with the secrets that a careful client drops on arrival."""
    return {
        "_id": consumer.id,
        "email": consumer.email,
        "name": consumer.name,
        "created_at": _time(_CREATED_AT),
        "updated_at": _time(_CREATED_AT),
        "last_sign_in_at": None,
        "subscription_count": consumer.subscriptions,
        "subscription_plans": [],
        "linked_devices": _linked_devices(consumer, devices),
        "site_id": SITE_ID,
        "password_token": "drop-this-password-token",
        "remember_token": "drop-this-remember-token",
        "rss_token": "drop-this-rss-token",
        "parental_access_code": "drop-this-parental-access-code",
        "stripe_id": "drop-this-stripe-id",
        "braintree_id": "drop-this-braintree-id",
    }


def page(rows: list[JSON], current: int, per_page: int, total: int) -> JSON:
    """Return one page of a list of ``total`` rows; pages count from 1."""
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


def _linked_devices(consumer: Consumer, devices: list[Device]) -> list[str] | list[JSON] | JSON | None:
    by_id = {d.linked_device_id: {"linked_device_id": d.linked_device_id, "pin": d.pin} for d in devices}
    match consumer.devices:
        case "ids":
            return list(by_id)
        case "objects":
            return list(by_id.values())
        case "keyed":
            return dict(by_id)
        case "null":
            return list(by_id) or None


def _time(moment: datetime) -> str:
    return moment.astimezone(_ZONE).isoformat(timespec="milliseconds")
