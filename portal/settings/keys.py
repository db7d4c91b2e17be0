"""Keys derived from the operator's secrets, one a purpose, and the keyed hashes that stand in for what is secret."""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network

from portal.domain.pins import Pin
from portal.settings.settings import Settings


class Purpose(StrEnum):
    """What a derived key is for. A hash made for one purpose never equals one made for another."""

    KEY_ID = "key id"
    LEDGER_ROW = "ledger row"
    PIN = "pin fingerprint"
    ADDRESS = "address"
    SUBJECT = "sign-in subject"
    STAFF_SUBJECT = "staff sign-in subject"
    SECOND_FACTOR_SUBJECT = "second factor subject"
    SESSION = "session id"
    PIN_COOKIE = "pin cookie"
    STAFF_PIN_COOKIE = "staff pin cookie"
    PIN_SHOWN = "pin shown"
    CONSOLE_SEAL = "console seal"
    DEVICE_HANDLE = "device handle"
    TOTP_SECRET = "totp secret"  # noqa: S105 - the name of a purpose
    RECOVERY_CODE = "recovery code"
    EXPORT = "export"


@dataclass(frozen=True, repr=False)
class LedgerKey:
    """One key of the ledger.

    Args:
        secret: the operator's secret in bytes; every hash uses a key derived from it for its purpose.
    """

    secret: bytes

    @property
    def id(self) -> str:
        """A short name of the key for the ledger's rows, which tells nothing of the key."""
        return self.digest(Purpose.KEY_ID, "")[:8]

    def digest(self, purpose: Purpose, text: str) -> str:
        """Return the keyed hash of a text for a purpose, as 64 hexadecimal characters (HMAC-SHA-256)."""
        return hmac.digest(derive(self.secret, purpose), text.encode(), hashlib.sha256).hex()


@dataclass(frozen=True, repr=False)
class Keyring:
    """The ledger's keys: the one that signs now, and those that signed before a rotation.

    Args:
        current: the key of new rows.
        previous: keys that older rows may name.
    """

    current: LedgerKey
    previous: tuple[LedgerKey, ...] = ()

    def fingerprint(self, pin: Pin) -> str:
        """Return the keyed fingerprint of a PIN for a new row."""
        return self.current.digest(Purpose.PIN, pin.secret)

    def fingerprints(self, pin: Pin) -> tuple[str, ...]:
        """Return the fingerprints that rows of any age may hold for a PIN."""
        return tuple(key.digest(Purpose.PIN, pin.secret) for key in (self.current, *self.previous))

    def address(self, address: str) -> str:
        """Return the keyed hash of a client's address; an IPv6 address counts as its /64 network."""
        return self.current.digest(Purpose.ADDRESS, household(address))

    def addresses(self, address: str) -> tuple[str, ...]:
        """Return the keyed hashes that rows of any age may hold for a client's address."""
        return tuple(key.digest(Purpose.ADDRESS, household(address)) for key in (self.current, *self.previous))

    def find(self, key_id: str) -> LedgerKey | None:
        """Return the key that a row names, or none if it is not among ours."""
        return next((key for key in (self.current, *self.previous) if key.id == key_id), None)

    def subject(self, email: str) -> str:
        """Return the keyed hash of the e-mail address that somebody signs in with."""
        return self.current.digest(Purpose.SUBJECT, email.strip().casefold())

    def staff_subject(self, name: str) -> str:
        """Return the keyed hash of the name that an agent signs in with."""
        return self.current.digest(Purpose.STAFF_SUBJECT, name.strip().casefold())

    def second_factor_subject(self, agent_id: str) -> str:
        """Return the keyed hash of an account whose second factor is asked for; those wrong passwords don't count."""
        return self.current.digest(Purpose.SECOND_FACTOR_SUBJECT, agent_id)


def keyring(settings: Settings) -> Keyring:
    """Return the ledger's keys: PORTAL_LEDGER_KEY, else the secret key; the others are kept for older rows."""
    secrets = [settings.ledger_key, settings.ledger_key_previous, settings.secret_key, settings.secret_key_previous]
    given = [secret for secret in secrets if secret]
    if settings.ledger_key is None:
        # Without a ledger key the secret key signs, even while rows of an older ledger key are still to be read.
        given.sort(key=lambda secret: secret is not settings.secret_key)
    keys = [LedgerKey(secret.get_secret_value().encode()) for secret in given]
    return Keyring(keys[0], tuple(keys[1:]))


def derive(secret: bytes, purpose: Purpose) -> bytes:
    """Return the 32 bytes that serve as the key for one purpose."""
    return hmac.digest(secret, f"zype-activate {purpose}".encode(), hashlib.sha256)


def household(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 network of an IPv6 one.

    Whatever is not an address counts as itself, so that it is limited too.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)
