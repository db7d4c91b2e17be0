"""The passwords that consumers have set, and the tokens in the links of mails by which they set one, in memory."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from portal.sandbox.seed import Consumer
from portal.sandbox.store import Store

LINK_LIFE = timedelta(hours=6)


@dataclass(frozen=True)
class _Link:
    consumer: Consumer
    expires_at: datetime


class Passwords:
    """Signs consumers in, and lets them set a new password."""

    def __init__(self, clock: Callable[[], datetime], randomness: random.Random, store: Store) -> None:
        self._clock = clock
        self._random = randomness
        self._store = store
        self._lock = Lock()
        # By consumer id; whoever has set none has that of the seed.
        self._set: dict[str, str] = {}
        self._links: dict[str, _Link] = {}

    def sign_in(self, email: str, password: str) -> Consumer | None:
        """Return the consumer with this email and password, or None."""
        consumer = self._store.consumer_by_email(email)
        with self._lock:
            return consumer if consumer and self._set.get(consumer.id, consumer.password) == password else None

    def new_link(self, consumer: Consumer) -> str:
        """Return a token for a link that works once, within LINK_LIFE."""
        with self._lock:
            token = f"{self._random.getrandbits(128):032x}"
            self._links[token] = _Link(consumer, self._clock() + LINK_LIFE)
            return token

    def has_link(self, token: str) -> bool:
        """Tell whether a link works."""
        link = self._links.get(token)
        return link is not None and link.expires_at > self._clock()

    def change(self, token: str, password: str) -> bool:
        """Set a password by a link, which ends; False if it has ended already."""
        with self._lock:
            link = self._links.pop(token, None)
            if not link or link.expires_at <= self._clock():
                return False
            self._set[link.consumer.id] = password
            return True
