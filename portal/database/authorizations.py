"""Pending authorizations: browsers that were sent to another host to sign in, and have not come back. Each is a row."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import InvalidToken
from limits import RateLimitItem
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.database.schema import UTCDateTime, metadata
from portal.settings.keys import Purpose, encryption, keyring
from portal.settings.settings import Settings

authorizations = sa.Table(
    "authorizations",
    metadata,
    sa.Column("state_hash", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("browser_hash", sa.String(64), nullable=False),
    sa.Column("address_hash", sa.String(64), nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("used_at", UTCDateTime),
    sa.Column("next_path", sa.Text, nullable=False),
    sa.Column("content", sa.Text),
    sa.Index("ix_authorizations_browser_hash", "browser_hash"),
    sa.Index("ix_authorizations_address_hash_created_at", "address_hash", "created_at"),
    sa.Index("ix_authorizations_created_at", "created_at"),
)

# How long a sign-in on the other host's pages may take.
LIFETIME = timedelta(hours=1)
# How many tabs of one browser can sign in side by side; an older one has to start again.
MAX_PER_BROWSER = 5


class AuthorizationKind(StrEnum):
    """Who signs in at another host. An authorization of one kind is none of the other."""

    VIEWER = "viewer"
    AGENT = "agent"


@dataclass(frozen=True)
class Authorization:
    """An authorization that a browser has brought back.

    Args:
        next_path: where to go on after the sign-in.
        content: what the token request needs; none if it may not be made: the state was used before, has expired, or
            was given to another browser.
    """

    next_path: str
    content: Mapping[str, Any] | None


class Authorizations:
    """The pending authorizations. Where the database fails, a method raises sqlalchemy.exc.SQLAlchemyError.

    States, browsers and addresses are stored as keyed hashes. The content is encrypted, and removed when it is used.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._keyring = keyring(settings)
        self._fernet = encryption(settings, Purpose.AUTHORIZATION_CONTENT)

    def begin(
        self,
        kind: AuthorizationKind,
        state: str,
        *,
        browser: str,
        address: str,
        next_path: str,
        content: Mapping[str, Any],
        limits: Sequence[RateLimitItem] = (),
    ) -> timedelta | None:
        """Store what the callback with a state will need, before anything is sent to the other host.

        Args:
            state: random, and unique.
            browser: a random id that the browser's cookie has; only that browser can use the state.
            address: the client's.
            next_path: where to go on after the sign-in.
            content: what the token request needs, such as the code verifier.
            limits: how many of one address may be unfinished. Those that were brought back are not counted.

        Returns:
            How long to wait if a limit is reached: nothing is stored then. Otherwise none.
        """
        row = {
            "state_hash": self._state_hash(state),
            "kind": kind,
            "browser_hash": self._browser_hash(browser),
            "address_hash": self._keyring.address(address),
            "next_path": next_path,
            "content": self._fernet.encrypt(json.dumps(dict(content)).encode()).decode(),
        }
        with self._database.write() as connection:
            self._database.lock(connection, [bytes.fromhex(row["address_hash"])])
            now = self._database.now(connection)
            connection.execute(authorizations.delete().where(authorizations.c.created_at < now - LIFETIME))
            if until := _blocked_until(connection, row["address_hash"], limits, now):
                return until - now
            _drop_oldest(connection, row["browser_hash"])
            connection.execute(authorizations.insert(), row | {"created_at": now})
        return None

    def take(self, kind: AuthorizationKind, state: str, browser: str | None) -> Authorization | None:
        """Return the authorization with a state, whose content is given once; none if there is no such state.

        Args:
            browser: the id in the browser's cookie; none if it has none.
        """
        state_hash = self._state_hash(state)
        of_state = (authorizations.c.state_hash == state_hash, authorizations.c.kind == kind)
        with self._database.read() as connection:
            # Read first: a state that was made up must not make the database write.
            row = connection.execute(sa.select(authorizations).where(*of_state)).one_or_none()
            now = self._database.now(connection)
        if row is None:
            return None
        is_usable = row.content is not None and now - row.created_at <= LIFETIME
        if not is_usable or browser is None or row.browser_hash != self._browser_hash(browser):
            return Authorization(row.next_path, None)
        unused = (authorizations.c.state_hash == state_hash, authorizations.c.content.is_not(None))
        if self._database.change(authorizations.update().where(*unused).values(used_at=now, content=None)) != 1:
            return Authorization(row.next_path, None)
        return Authorization(row.next_path, self._decrypted(row.content))

    def _decrypted(self, content: str) -> Mapping[str, Any] | None:
        try:
            decrypted: Mapping[str, Any] = json.loads(self._fernet.decrypt(content.encode()))
        except InvalidToken:
            # The secret key was replaced without the previous one.
            return None
        return decrypted

    def _state_hash(self, state: str) -> str:
        return self._keyring.current.digest(Purpose.AUTHORIZATION_STATE, state)

    def _browser_hash(self, browser: str) -> str:
        return self._keyring.current.digest(Purpose.BROWSER, browser)


def _blocked_until(
    connection: Connection, address_hash: str, limits: Sequence[RateLimitItem], now: datetime
) -> datetime | None:
    """Return when the address may begin another authorization, or none if it may now."""
    unfinished = sa.select(authorizations.c.created_at).where(
        authorizations.c.address_hash == address_hash, authorizations.c.used_at.is_(None)
    )
    newest_first = unfinished.order_by(authorizations.c.created_at.desc())
    until = []
    for item in limits:
        window = timedelta(seconds=item.get_expiry())
        # If the window has as many as are allowed, the oldest of those has to leave it first.
        in_window = newest_first.where(authorizations.c.created_at > now - window)
        blocking: datetime | None = connection.execute(in_window.offset(item.amount - 1).limit(1)).scalar()
        if blocking:
            until.append(blocking + window)
    return max(until, default=None)


def _drop_oldest(connection: Connection, browser_hash: str) -> None:
    """Make room for one more authorization of a browser. The rows stay, because the limit counts them."""
    of_browser = (authorizations.c.browser_hash == browser_hash, authorizations.c.content.is_not(None))
    newest_first = sa.select(authorizations.c.state_hash).where(*of_browser)
    newest_first = newest_first.order_by(authorizations.c.created_at.desc())
    oldest = connection.execute(newest_first.offset(MAX_PER_BROWSER - 1)).scalars().all()
    if oldest:
        connection.execute(authorizations.update().where(authorizations.c.state_hash.in_(oldest)).values(content=None))
