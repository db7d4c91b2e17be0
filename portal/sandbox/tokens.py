"""What the sandbox's login service has handed out: authorization codes and tokens, in memory."""

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
    """An access token and the refresh token that came with it.

    Args:
        access: the access token.
        refresh: the refresh token; revoking it ends the access token too.
        consumer_id: whose it is.
        client_id: which client got it.
        scope: what it allows, words parted by spaces.
        created_at: when it was issued.
    """

    access: str
    refresh: str
    consumer_id: str
    client_id: str
    scope: str
    created_at: datetime


@dataclass
class Code:
    """An authorization code and all that it is bound to (RFC 6749 section 4.1, RFC 7636).

    Args:
        consumer_id: who signed in.
        client_id: the client that asked.
        redirect_uri: where it was sent; must be named again, exactly.
        challenge: the S256 code challenge.
        scope: what was asked for.
        expires_at: the end of its 60 seconds.
        token: the access token that it was exchanged for.
    """

    consumer_id: str
    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    expires_at: datetime
    token: str | None = None


class Tokens:
    """Issues, finds and revokes.

    Args:
        clock: returns the time, aware.
        randomness: the source of codes and tokens; cryptographic unless a test says otherwise.
    """

    def __init__(self, clock: Callable[[], datetime], randomness: random.Random) -> None:
        self._clock = clock
        self._random = randomness
        self._lock = Lock()
        self._codes: dict[str, Code] = {}
        self._tokens: dict[str, Token] = {}
        self._by_refresh: dict[str, str] = {}

    def issue_code(self, consumer_id: str, client_id: str, redirect_uri: str, challenge: str, scope: str) -> str:
        """Return a new authorization code, good for one exchange within 60 seconds."""
        expires_at = self._clock() + CODE_LIFE
        with self._lock:
            text = self._new()
            self._codes[text] = Code(consumer_id, client_id, redirect_uri, challenge, scope, expires_at)
            return text

    def exchange(self, text: str, client_id: str, redirect_uri: str, verifier: str) -> Token | None:
        """Return the token of a code, or None if anything that the code is bound to differs.

        A failed attempt uses the code up, and a second one revokes the token of the first: then the code
        is in two hands, and one of them is a thief's (RFC 6749 section 4.1.2).
        """
        now = self._clock()
        with self._lock:
            code = self._codes.get(text)
            if not code:
                return None
            if code.expires_at <= now or not _fits(code, client_id, redirect_uri, verifier):
                self._drop(code.token)
                code.expires_at = now
                return None
            code.expires_at = now
            token = self._issue(code.consumer_id, client_id, code.scope, now)
            code.token = token.access
            return token

    def issue(self, consumer_id: str, client_id: str) -> Token:
        """Return a new token for someone who has shown who they are."""
        now = self._clock()
        with self._lock:
            return self._issue(consumer_id, client_id, SCOPE, now)

    def find(self, access: str) -> Token | None:
        """Return a living token, or None."""
        with self._lock:
            token = self._tokens.get(access)
        return token if token and self.seconds_left(token) > 0 else None

    def seconds_left(self, token: Token) -> int:
        """Return for how long a token still lives, in seconds."""
        return int((token.created_at + TOKEN_LIFE - self._clock()).total_seconds())

    def revoke(self, text: str, client_id: str) -> None:
        """Revoke by access or refresh token; one that is unknown or another client's is left alone."""
        with self._lock:
            access = self._by_refresh.get(text, text)
            token = self._tokens.get(access)
            if token and token.client_id == client_id:
                self._drop(access)

    def _issue(self, consumer_id: str, client_id: str, scope: str, now: datetime) -> Token:
        token = Token(self._new(), self._new(), consumer_id, client_id, scope, now)
        self._tokens[token.access] = token
        self._by_refresh[token.refresh] = token.access
        return token

    def _drop(self, access: str | None) -> None:
        token = self._tokens.pop(access or "", None)
        if token:
            del self._by_refresh[token.refresh]

    def _new(self) -> str:
        return f"{self._random.getrandbits(256):064x}"


def _fits(code: Code, client_id: str, redirect_uri: str, verifier: str) -> bool:
    digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=")
    same = compare_digest(digest, code.challenge.encode())
    return same and code.client_id == client_id and code.redirect_uri == redirect_uri
