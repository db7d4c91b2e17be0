"""The authorization codes and tokens of the sandbox's login service, in memory."""

import random
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from threading import Lock

CODE_LIFE = timedelta(seconds=60)
TOKEN_LIFE = timedelta(days=7)
SCOPE = "consumer_profile.read"


@dataclass(frozen=True)
class Token:
    """An access token and its refresh token; revoking either ends both.

    Args:
        consumer_id: whose it is; None for one of the client itself.
        device_id: of the TV that signed in with its PIN; unlinking that TV ends the token.
    """

    access: str
    refresh: str
    consumer_id: str | None
    client_id: str
    scope: str
    created_at: datetime
    device_id: str | None = None


@dataclass
class Code:
    """An authorization code, what it is bound to (RFC 6749 section 4.1, RFC 7636), and the token that it gave."""

    consumer_id: str
    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    expires_at: datetime
    token: Token | None = None


class Tokens:
    """Issues, finds and revokes codes and tokens."""

    def __init__(self, clock: Callable[[], datetime], randomness: random.Random) -> None:
        self._clock = clock
        self._random = randomness
        self._lock = Lock()
        self._codes: dict[str, Code] = {}
        # By access token and by refresh token.
        self._tokens: dict[str, Token] = {}

    def issue_code(self, consumer_id: str, client_id: str, redirect_uri: str, challenge: str, scope: str) -> str:
        """Return a new authorization code for one exchange within CODE_LIFE."""
        expires_at = self._clock() + CODE_LIFE
        with self._lock:
            text = self._new()
            self._codes[text] = Code(consumer_id, client_id, redirect_uri, challenge, scope, expires_at)
            return text

    def exchange(self, text: str, client_id: str, redirect_uri: str, verifier: str) -> Token | None:
        """Return the token for a code, or None if anything that the code is bound to differs.

        A failed exchange invalidates the code. A second exchange revokes the token of the first, because the code
        was stolen then (RFC 6749 section 4.1.2).
        """
        now = self._clock()
        with self._lock:
            code = self._codes.get(text)
            if not code:
                return None
            is_valid = code.expires_at > now and _matches(code, client_id, redirect_uri, verifier)
            code.expires_at = now
            if not is_valid:
                self._drop(code.token)
                return None
            code.token = self._issue(code.consumer_id, client_id, code.scope, now)
            return code.token

    def issue(self, consumer_id: str | None, client_id: str, device_id: str | None = None) -> Token:
        """Return a new token for a consumer who has signed in, or on a TV; or for a client itself."""
        now = self._clock()
        with self._lock:
            return self._issue(consumer_id, client_id, SCOPE, now, device_id)

    def refresh(self, text: str, client_id: str) -> Token | None:
        """Return a new token for a refresh token, which ends with the old one; None if it is not this client's."""
        now = self._clock()
        with self._lock:
            token = self._tokens.get(text)
            if not token or token.refresh != text or token.client_id != client_id:
                return None
            self._drop(token)
            return self._issue(token.consumer_id, client_id, token.scope, now, token.device_id)

    def find(self, access: str) -> Token | None:
        """Return a valid token, or None."""
        with self._lock:
            token = self._tokens.get(access)
        return token if token and token.access == access and self.seconds_left(token) > 0 else None

    def seconds_left(self, token: Token) -> int:
        """Return the seconds until a token expires."""
        return int((token.created_at + TOKEN_LIFE - self._clock()).total_seconds())

    def revoke(self, text: str, client_id: str) -> None:
        """Revoke by access or refresh token; does nothing if it is unknown or another client's."""
        with self._lock:
            token = self._tokens.get(text)
            if token and token.client_id == client_id:
                self._drop(token)

    def revoke_device(self, device_id: str) -> None:
        """Revoke the tokens that a TV got with its PIN."""
        with self._lock:
            for token in [token for token in self._tokens.values() if token.device_id == device_id]:
                self._drop(token)

    def _issue(
        self, consumer_id: str | None, client_id: str, scope: str, now: datetime, device_id: str | None = None
    ) -> Token:
        token = Token(self._new(), self._new(), consumer_id, client_id, scope, now, device_id)
        self._tokens[token.access] = self._tokens[token.refresh] = token
        return token

    def _drop(self, token: Token | None) -> None:
        if token:
            self._tokens.pop(token.access, None)
            self._tokens.pop(token.refresh, None)

    def _new(self) -> str:
        return f"{self._random.getrandbits(256):064x}"


def _matches(code: Code, client_id: str, redirect_uri: str, verifier: str) -> bool:
    digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=")
    same = compare_digest(digest, code.challenge.encode())
    return same and code.client_id == client_id and code.redirect_uri == redirect_uri
