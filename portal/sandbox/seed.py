"""What the sandbox knows from the start: its consumers and its magic PINs. Data only; docs/sandbox.md shows it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

SITE_ID = "5ad00000000000000000517e"
APP_ID = "5ad0000000000000000000a9"
TV_CLIENT_ID = "sandbox-tv"
VIEWERS = 10_000

# Zype types linked_devices as "object" and describes it as "IDs of devices": each of these is plausible.
Shape = Literal["ids", "objects", "keyed", "null"]
SHAPES: tuple[Shape, ...] = ("ids", "objects", "keyed", "null")


@dataclass(frozen=True)
class Seed:
    """A consumer who can sign in.

    Args:
        id: the consumer_id, 24 hexadecimal characters.
        email: what they sign in with.
        password: made up, and shown on the sandbox's own page.
        name: how the TV greets them.
        devices: the shape in which their record lists linked devices.
        subscriptions: how many they have.
    """

    id: str
    email: str
    password: str
    name: str
    devices: Shape
    subscriptions: int


ALICE = Seed("0a11ce000000000000000001", "alice@example.com", "alice-password", "Alice", "ids", 1)
MALLORY = Seed("0bad00000000000000000002", "mallory@example.com", "mallory-password", "Mallory", "objects", 0)


@dataclass(frozen=True)
class StaffSeed:
    """Somebody in customer support, for whom the demo makes an account.

    Args:
        name: what they sign in with.
        password: made up, like a viewer's.
        secret: of their authenticator app, in base32.
        is_supervisor: whether they read everybody's history too.
    """

    name: str
    password: str
    secret: str
    is_supervisor: bool


BOB = StaffSeed("bob", "bob-password", "B7DEMOSECRETB7DEMOSECRETB7DEMOSE", False)
SUPERVISOR = StaffSeed("supervisor", "supervisor-password", "S7DEMOSECRETS7DEMOSECRETS7DEMOSE", True)
STAFF = (BOB, SUPERVISOR)


def consumers() -> Iterator[Seed]:
    """Yield everyone who can sign in: Alice, Mallory, and the viewers u0 to u9999 for tests under load."""
    yield ALICE
    yield MALLORY
    for n in range(VIEWERS):
        shape = SHAPES[n % len(SHAPES)]
        yield Seed(f"{n:024x}", f"u{n}@example.com", f"pw-{n}", f"Viewer {n}", shape, 1)


@cache
def directory() -> tuple[Mapping[str, Seed], Mapping[str, Seed]]:
    """Return everyone by id, and by e-mail; made once, since nobody changes in a sandbox."""
    everyone = tuple(consumers())
    by_id = {consumer.id: consumer for consumer in everyone}
    by_email = {consumer.email: consumer for consumer in everyone}
    return MappingProxyType(by_id), MappingProxyType(by_email)


@dataclass(frozen=True)
class MagicPin:
    """A PIN that needs no TV and always behaves in one way.

    Digits may follow the word, so that there are as many different PINs of a kind as a test needs. One
    that links gives each consumer a made-up TV of their own; linking it again changes nothing, and after
    it was unlinked it gives another.

    Args:
        word: the PIN; with digits after it it is another PIN of the same kind.
        answer: what PUT /pin/link answers.
        links: whether a TV is linked to the consumer afterwards.
        outcome: what the portal makes of it, by the names of its outcomes.
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


def magic(pin: str) -> MagicPin | None:
    """Return the magic PIN that a PIN is, with or without digits after its word; None for any other."""
    return next((m for m in MAGIC_PINS if pin.startswith(m.word) and _is_tail(pin[len(m.word) :])), None)


def _is_tail(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit())
