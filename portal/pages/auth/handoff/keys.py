"""The keys that a token may be signed with: the shared one of the settings, or the public ones of a JWKS URL."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
import structlog
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import Key, OctKey

from portal.pages.auth.handoff.errors import KeysUnavailable, TokenRefused
from portal.pages.auth.signatures import ALGORITHMS, find_key, public_key
from portal.settings.settings import Settings
from portal.zype.adapter import ZypeAdapter
from portal.zype.connections import Call
from portal.zype.deadline import Deadline

log = structlog.get_logger("portal.auth")

# An unknown key makes the portal load them again, but at most this often: strangers can name keys too.
RELOAD_SECONDS = 60.0
RETRY_SECONDS = 5.0
# A key that the site withdraws is accepted for this long, or for the longer time while its URL does not answer.
FRESH_SECONDS = 600.0
STALE_SECONDS = 3600.0
CONNECT_SECONDS, LOAD_SECONDS = 3.0, 5.0


class SharedKey:
    """The key that portal and site share."""

    algorithms: tuple[str, ...] = ("HS256",)

    def __init__(self, secret: str) -> None:
        self._key = OctKey.import_key(secret.encode())

    def find(self, header: Mapping[str, Any]) -> Key:
        """Return the key, whatever a token calls it in its header."""
        return self._key


class PublicKeys:
    """The public keys of the site (RFC 7517), loaded when they are needed, and shared by the threads of a worker."""

    # Never one with a shared secret: whoever read the public key could sign with it.
    algorithms = ALGORITHMS

    def __init__(self, url: str, trust_env: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._trust_env = trust_env
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: list[Key] = []
        self._loaded_at = self._next_load = float("-inf")

    def find(self, header: Mapping[str, Any]) -> Key:
        """Return the key that a token names in its header, or the only one for its algorithm.

        Raises:
            TokenRefused: there is no such key.
            KeysUnavailable: they can't be loaded now.
        """
        found = self._known(header)
        if (found is None or self._age() > FRESH_SECONDS) and self._clock() >= self._next_load:
            self._load_once()
            found = self._known(header)
        if found:
            return found
        if self._age() > STALE_SECONDS:
            raise KeysUnavailable("they are not loaded, or were too long ago")
        raise TokenRefused("no such key")

    def load(self) -> int:
        """Load the keys, and return their number. Raises KeysUnavailable with the reason."""
        keys = [key for key in map(public_key, self._document()) if key]
        if not keys:
            raise KeysUnavailable("the document has no public key that can be used")
        self._keys, self._loaded_at = keys, self._clock()
        return len(keys)

    def _load_once(self) -> None:
        """Load the keys, unless another thread does."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._next_load = self._clock() + RELOAD_SECONDS
            self.load()
        except KeysUnavailable as error:
            self._next_load = self._clock() + RETRY_SECONDS
            log.error("handoff_keys_not_loaded", error=str(error))
        finally:
            self._lock.release()

    def _known(self, header: Mapping[str, Any]) -> Key | None:
        keys = self._keys if self._age() <= STALE_SECONDS else []
        try:
            return find_key(keys, header)
        except InvalidKeyIdError:
            return None

    def _age(self) -> float:
        return self._clock() - self._loaded_at

    def _document(self) -> list[Any]:
        try:
            with requests.Session() as session, Call(Deadline(LOAD_SECONDS)).active():
                session.trust_env = self._trust_env
                for scheme in ("https://", "http://"):
                    adapter = ZypeAdapter(connections=1, connect_seconds=CONNECT_SECONDS, call_seconds=LOAD_SECONDS)
                    session.mount(scheme, adapter)
                answer = session.get(self._url, allow_redirects=False)
                keys = answer.json()["keys"] if answer.status_code == 200 else None
        except requests.exceptions.InvalidJSONError as error:
            raise KeysUnavailable("the answer is no JSON") from error
        except requests.RequestException as error:
            raise KeysUnavailable(type(error).__name__) from error
        except (LookupError, TypeError, RecursionError) as error:
            raise KeysUnavailable("the answer is no JWKS") from error
        if not isinstance(keys, list):
            raise KeysUnavailable("the answer is no JWKS, or has another status than 200")
        return keys


Keys = SharedKey | PublicKeys


def keys_of(settings: Settings) -> Keys | None:
    """Return where the keys are found; none if the settings name no key."""
    if settings.handoff_jwks_url:
        return PublicKeys(settings.handoff_jwks_url, settings.outbound_proxy)
    return SharedKey(settings.handoff_key.get_secret_value()) if settings.handoff_key else None
