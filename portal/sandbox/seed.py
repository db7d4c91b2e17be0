"""The sandbox's seed data: its consumers and magic PINs, which docs/sandbox.md lists."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

SITE_ID = "5ad00000000000000000517e"
TV_CLIENT_ID = "sandbox-tv"
VIEWERS = 10_000

# Zype types linked_devices as "object" and describes it as "IDs of devices": each of these is plausible.
Shape = Literal["ids", "objects", "keyed", "null"]
SHAPES: tuple[Shape, ...] = ("ids", "objects", "keyed", "null")


@dataclass(frozen=True)
class Consumer:
    """A consumer who can sign in.

    Args:
        id: the consumer_id, 24 hexadecimal characters.
        devices: the shape in which their record lists linked devices.
        subscriptions: how many they have.
    """

    id: str
    email: str
    password: str
    name: str
    devices: Shape
    subscriptions: int


ALICE = Consumer("0a11ce000000000000000001", "alice@example.com", "alice-password", "Alice", "ids", 1)
MALLORY = Consumer("0bad00000000000000000002", "mallory@example.com", "mallory-password", "Mallory", "objects", 0)


@dataclass(frozen=True)
class StaffAccount:
    """An account that the demo creates for customer support; the secret is that of the authenticator app, in base32."""

    name: str
    password: str
    secret: str
    is_supervisor: bool


BOB = StaffAccount("bob", "bob-password", "B7DEMOSECRETB7DEMOSECRETB7DEMOSE", False)
SUPERVISOR = StaffAccount("supervisor", "supervisor-password", "S7DEMOSECRETS7DEMOSECRETS7DEMOSE", True)
STAFF = (BOB, SUPERVISOR)


def consumers() -> Iterator[Consumer]:
    """Yield every consumer: Alice, Mallory, and the viewers u0 to u9999 for load tests."""
    yield ALICE
    yield MALLORY
    for n in range(VIEWERS):
        shape = SHAPES[n % len(SHAPES)]
        yield Consumer(f"{n:024x}", f"u{n}@example.com", f"pw-{n}", f"Viewer {n}", shape, 1)


@cache
def directory() -> tuple[Mapping[str, Consumer], Mapping[str, Consumer]]:
    """Return every consumer by id, and by email; made once, since none changes."""
    by_id = {consumer.id: consumer for consumer in consumers()}
    by_email = {consumer.email: consumer for consumer in by_id.values()}
    return MappingProxyType(by_id), MappingProxyType(by_email)


@dataclass(frozen=True)
class MagicPin:
    """A PIN that needs no TV and always gives the same result.

    If it links, each consumer gets a different, made-up TV. Linking it again changes nothing; linking it after
    an unlink gives another TV.

    Args:
        word: the PIN; digits after it make another PIN of the same kind.
        answer: what PUT /pin/link answers.
        links: whether a TV is linked afterwards.
        outcome: the portal's outcome.
    """

    word: str
    answer: str
    links: bool
    outcome: str


MAGIC_PINS = (
    MagicPin("good", "200 immediately", True, "linked"),
    MagicPin("slow", "200 after one second", True, "linked"),
    MagicPin("silent", '200 with `{"response": {}}`, which contradicts nothing', True, "linked"),
    MagicPin("nameless", "200 without a `linked_device_id`, so there is no Undo", True, "linked"),
    MagicPin("sticky", "200 immediately; unlinking it always answers 503", True, "linked"),
    MagicPin("used", "404, as for a PIN that was linked before", False, "not_found"),
    MagicPin("expired", "404, as for a PIN older than 30 minutes", False, "not_found"),
    MagicPin("refused", "422", False, "refused"),
    MagicPin("another", "200 that names another consumer", False, "refused"),
    MagicPin("unlinked", "200 that says `linked` is false", False, "refused"),
    MagicPin("http302", "302 to another page", False, "unavailable"),
    MagicPin("http429", "429 with `Retry-After: 30`", False, "unavailable"),
    MagicPin("http503", "503", False, "unavailable"),
    MagicPin("http401", "401, as for a wrong API key", False, "misconfigured"),
    MagicPin("http403", "403, as for a key that may not link", False, "misconfigured"),
    MagicPin("http500", "500", False, "unknown"),
    MagicPin("http502", "502 with an HTML page", False, "unknown"),
    MagicPin("html", "200 with an HTML page instead of JSON", False, "unknown"),
    MagicPin("empty", "200 with `{}`, without the `response` that wraps every answer", True, "unknown"),
    MagicPin("broken", "200 with JSON that stops half-way", False, "unknown"),
    MagicPin("torn", "200, and the connection breaks in the middle of the body", True, "unknown"),
    MagicPin("lost", "nothing: the TV is linked, then the connection breaks", True, "unknown"),
    MagicPin("trickle", "200, one character every half second", True, "unknown"),
    MagicPin("hang", "nothing for 20 seconds, then the connection breaks", False, "unknown"),
)

WORDS = tuple(magic.word for magic in MAGIC_PINS)


def find_magic_pin(pin: str) -> MagicPin | None:
    """Return the magic PIN whose word a PIN is, with or without digits after it; None for any other PIN."""
    return next((magic for magic in MAGIC_PINS if re.fullmatch(f"{magic.word}[0-9]*", pin)), None)
