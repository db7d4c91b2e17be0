"""Keys derived from the operator's secrets, one for each purpose, and keyed hashes of what must not be stored."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from cryptography.fernet import Fernet, MultiFernet
from pydantic import SecretStr

from portal.domain.pins import Pin
from portal.settings.addresses import network_prefix, site_prefix
from portal.settings.settings import Settings


class Purpose(StrEnum):
    """What a derived key is for. The hash of a text for one purpose never equals the hash for another."""

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
    STAFF_DRAFT = "staff draft"
    PIN_SHOWN = "pin shown"
    CONSOLE_STATE = "console seal"
    DEVICE_HANDLE = "device handle"
    TOTP_SECRET = "totp secret"  # noqa: S105 - the name of a purpose
    RECOVERY_CODE = "recovery code"
    EXPORT = "export"
    ARCHIVE = "archive"
    AUTHORIZATION_STATE = "authorization state"
    AUTHORIZATION_CONTENT = "authorization content"
    BROWSER = "browser"
    HANDOFF_TOKEN = "handoff token"  # noqa: S105 - the name of a purpose
    PROVIDER_LINK = "provider link"


@dataclass(frozen=True, repr=False)
class LedgerKey:
    """One key of the ledger: the operator's secret. Each hash uses a key that is derived from it for the purpose."""

    secret: bytes

    @cached_property
    def id(self) -> str:
        """A short name of the key for the ledger's rows, which does not reveal the key."""
        return self.digest(Purpose.KEY_ID, "")[:8]

    def digest(self, purpose: Purpose, text: str) -> str:
        """Return the keyed hash of a text for a purpose, as 64 hexadecimal characters (HMAC-SHA-256)."""
        return hmac.digest(derive(self.secret, purpose), text.encode(), hashlib.sha256).hex()


@dataclass(frozen=True, repr=False)
class Keyring:
    """The ledger's keys: the current one signs new rows, the previous ones signed older rows, before a rotation."""

    current: LedgerKey
    previous: tuple[LedgerKey, ...] = ()

    def fingerprint(self, pin: Pin) -> str:
        """Return the keyed fingerprint of a PIN for a new row."""
        return self.current.digest(Purpose.PIN, pin.secret)

    def fingerprints(self, pin: Pin) -> tuple[str, ...]:
        """Return the fingerprints that rows of any age may hold for a PIN."""
        return tuple(key.digest(Purpose.PIN, pin.secret) for key in (self.current, *self.previous))

    def address(self, address: str) -> str:
        """Return the keyed hash of a client's address, of which only the network prefix counts."""
        return self.current.digest(Purpose.ADDRESS, network_prefix(address))

    def site(self, address: str) -> str | None:
        """Return the keyed hash of the /48 network of an IPv6 address; none for any other."""
        site = site_prefix(address)
        return None if site is None else self.current.digest(Purpose.ADDRESS, site)

    def addresses(self, address: str) -> tuple[str, ...]:
        """Return the keyed hashes that rows of any age may hold for a client's address."""
        return tuple(key.digest(Purpose.ADDRESS, network_prefix(address)) for key in (self.current, *self.previous))

    def subject(self, email: str) -> str:
        """Return the keyed hash of the email address that a viewer signs in with."""
        return self.current.digest(Purpose.SUBJECT, email.strip().casefold())

    def staff_subject(self, name: str) -> str:
        """Return the keyed hash of the name that an agent signs in with."""
        return self.current.digest(Purpose.STAFF_SUBJECT, name.strip().casefold())

    def second_factor_subject(self, agent_id: str) -> str:
        """Return the keyed hash of an account for its second factor and a new password.

        Their failures are not those of sign-ins by password.
        """
        return self.current.digest(Purpose.SECOND_FACTOR_SUBJECT, agent_id)


def keyring(settings: Settings) -> Keyring:
    """Return the ledger's keys. PORTAL_LEDGER_KEY signs, or else the secret key; the others verify older rows."""
    current = settings.ledger_key or settings.secret_key
    secrets = [settings.ledger_key_previous, settings.secret_key, settings.secret_key_previous]
    previous = [secret for secret in secrets if secret and secret is not current]
    return Keyring(_ledger_key(current), tuple(map(_ledger_key, previous)))


def _ledger_key(secret: SecretStr) -> LedgerKey:
    return LedgerKey(secret.get_secret_value().encode())


@lru_cache(maxsize=256)
def derive(secret: bytes, purpose: Purpose) -> bytes:
    """Return the 32 bytes of the key for one purpose."""
    return hmac.digest(secret, f"zype-activate {purpose}".encode(), hashlib.sha256)


def encryption(settings: Settings, purpose: Purpose) -> MultiFernet:
    """Return what encrypts texts for one purpose: with the secret key. The previous one decrypts what is older."""
    secrets = [secret for secret in (settings.secret_key, settings.secret_key_previous) if secret]
    keys = [derive(secret.get_secret_value().encode(), purpose) for secret in secrets]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
