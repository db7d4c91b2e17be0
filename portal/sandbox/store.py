"""The sandbox's consumers, devices, PINs and links, in memory and thread-safe, without HTTP."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from string import ascii_lowercase, digits
from threading import Lock

from portal.sandbox import seed
from portal.sandbox.seed import Consumer

PIN_LIFE = timedelta(minutes=30)
PIN_LENGTH = 7


@dataclass(frozen=True)
class Device:
    """A device and its PIN, which Zype calls a DevicePin.

    Args:
        id: 24 hexadecimal characters.
        linked_device_id: the device's own id.
        pin: 7 lower-case letters and digits; a magic PIN may have 4 to 16.
        created_at: when the device acquired the PIN.
        expires_at: until when the PIN can be linked; after an unlink, when that was.
        updated_at: when the PIN was last acquired, linked or unlinked.
        consumer_id: to whom the device is linked, or None.
    """

    id: str
    linked_device_id: str
    pin: str
    created_at: datetime
    expires_at: datetime
    updated_at: datetime
    consumer_id: str | None = None


class Store:
    """What the platform API reads and changes."""

    def __init__(self, clock: Callable[[], datetime], randomness: random.Random) -> None:
        self._clock = clock
        self._random = randomness
        self._lock = Lock()
        self._by_id, self._by_email = seed.directory()
        self._devices: dict[str, Device] = {}
        # By PIN; a PIN is removed when it is linked, since it can be used once.
        self._waiting: dict[str, str] = {}
        self._linked: dict[str, dict[str, Device]] = {}

    def consumer(self, consumer_id: str) -> Consumer | None:
        """Return the consumer of an id, or None."""
        return self._by_id.get(consumer_id)

    def consumer_by_email(self, email: str) -> Consumer | None:
        """Return the consumer with this email, in any case of letters, or None."""
        return self._by_email.get(email.lower())

    def search(self, word: str) -> list[Consumer]:
        """Return the consumers whose email or name contains a word, in any case."""
        word = word.lower()
        return [c for c in self._by_id.values() if word in c.email or word in c.name.lower()]

    def acquire(self, device_id: str) -> Device:
        """Give a device a new PIN. Its last one becomes invalid, linked or not."""
        now = self._clock()
        with self._lock:
            self._remove(device_id)
            pin = self._new_pin()
            device = Device(self._new_id(), device_id, pin, now, now + PIN_LIFE, now)
            self._devices[device_id] = device
            self._waiting[pin] = device_id
            return device

    def status(self, device_id: str) -> Device | None:
        """Return a device, or None if it never acquired a PIN."""
        with self._lock:
            return self._devices.get(device_id)

    def link(self, pin: str, consumer_id: str) -> Device | None:
        """Link the device that shows a PIN; None for a PIN that is unknown, expired or used."""
        now = self._clock()
        with self._lock:
            device = self._devices.get(self._waiting.get(pin, ""))
            if not device or device.expires_at <= now:
                return None
            del self._waiting[pin]
            return self._save(replace(device, consumer_id=consumer_id, updated_at=now))

    def link_magic(self, pin: str, consumer_id: str) -> Device:
        """Link a made-up device by a magic PIN; linking it again changes nothing."""
        with self._lock:
            return self._find_linked(pin, consumer_id) or self._save(self.make_device(pin, consumer_id))

    def make_device(self, pin: str, consumer_id: str | None) -> Device:
        """Return a made-up device for a magic PIN, without saving it."""
        now = self._clock()
        name = f"sandbox-tv-{self._new_id()}"
        return Device(self._new_id(), name, pin, now, now + PIN_LIFE, now, consumer_id)

    def unlink(self, pin: str, consumer_id: str) -> Device | None:
        """Unlink a consumer's device by its PIN, which stays used; None if they have no such device."""
        now = self._clock()
        with self._lock:
            device = self._find_linked(pin, consumer_id)
            if not device:
                return None
            del self._linked[consumer_id][device.linked_device_id]
            return self._save(replace(device, consumer_id=None, expires_at=now, updated_at=now))

    def devices(self, consumer_id: str) -> list[Device]:
        """Return the devices linked to a consumer, oldest link first."""
        with self._lock:
            return list(self._linked.get(consumer_id, {}).values())

    def _find_linked(self, pin: str, consumer_id: str) -> Device | None:
        return next((device for device in self._linked.get(consumer_id, {}).values() if device.pin == pin), None)

    def _save(self, device: Device) -> Device:
        self._devices[device.linked_device_id] = device
        if device.consumer_id:
            self._linked.setdefault(device.consumer_id, {})[device.linked_device_id] = device
        return device

    def _remove(self, device_id: str) -> None:
        device = self._devices.pop(device_id, None)
        if device and device.consumer_id:
            del self._linked[device.consumer_id][device_id]
        elif device:
            self._waiting.pop(device.pin, None)

    def _new_pin(self) -> str:
        """Return a PIN that no other device shows and that is not magic."""
        while True:
            pin = "".join(self._random.choices(ascii_lowercase + digits, k=PIN_LENGTH))
            if pin not in self._waiting and not pin.startswith(seed.WORDS):
                return pin

    def _new_id(self) -> str:
        return f"{self._random.getrandbits(96):024x}"
