"""Pending authorizations: browsers that were sent to another host to sign in, and have not come back. Each is a row."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import InvalidToken
from limits import RateLimitItem
from sqlalchemy.engine import Connection

from portal.database.clearing import delete_some
from portal.database.database import Database
from portal.database.schema import UTCDateTime, metadata
from portal.settings.keys import Purpose, encryption, keyring
from portal.settings.rates import SITE_FACTOR, times
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
    sa.Column("site_hash", sa.String(64)),
    sa.Index("ix_authorizations_browser_hash", "browser_hash"),
    sa.Index("ix_authorizations_address_hash_created_at", "address_hash", "created_at"),
    sa.Index("ix_authorizations_site_hash_created_at", "site_hash", "created_at"),
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
    ``on_stop`` is called with the kind of an authorization that a limit stopped.
    """

    def __init__(
        self, database: Database, settings: Settings, *, on_stop: Callable[[str], None] = lambda kind: None
    ) -> None:
        self._database = database
        self._on_stop = on_stop
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
            limits: how many of one address may be unfinished; of the /48 network of an IPv6 address ten times as many.

        Returns:
            How long to wait if a limit is reached: nothing is stored then. Otherwise none.
        """
        row: dict[str, str | None] = {
            "state_hash": self._state_hash(state),
            "kind": kind,
            "browser_hash": self._browser_hash(browser),
            "address_hash": self._keyring.address(address),
            "site_hash": self._keyring.site(address),
            "next_path": next_path,
            "content": self._fernet.encrypt(json.dumps(dict(content)).encode()).decode(),
        }
        with self._database.write() as connection:
            # Of what belongs to an address, the smaller first everywhere, so that no deadlock is possible.
            limited = [("address_hash", limits), ("site_hash", times(limits, SITE_FACTOR))]
            limited = [(name, items) for name, items in limited if row[name]]
            now = self._database.lock(connection, [row[name] or "" for name, _ in limited])
            connection.execute(delete_some(authorizations, authorizations.c.created_at < now - LIFETIME))
            until = [
                _blocked_until(connection, authorizations.c[name] == row[name], items, now) for name, items in limited
            ]
            if any(until):
                self._on_stop(kind)
                return max(filter(None, until)) - now
            _drop_oldest(connection, self._browser_hash(browser))
            connection.execute(authorizations.insert(), row | {"created_at": now})
        return None

    def take(self, kind: AuthorizationKind, state: str, browser: str | None) -> Authorization | None:
        """Return the authorization with a state, whose content is given once; none if there is no such state.

        It counts as unfinished still: a stranger could begin and cancel for ever.

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
        if self._database.change(authorizations.update().where(*unused).values(content=None)) != 1:
            return Authorization(row.next_path, None)
        return Authorization(row.next_path, self._decrypted(row.content))

    def finish(self, kind: AuthorizationKind, state: str) -> None:
        """Count an authorization that was taken no longer: somebody has signed in with it."""
        of_state = (authorizations.c.state_hash == self._state_hash(state), authorizations.c.kind == kind)
        self._database.change(authorizations.update().where(*of_state).values(used_at=self._database.now()))

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
    connection: Connection, of_address: sa.ColumnElement[bool], limits: Sequence[RateLimitItem], now: datetime
) -> datetime | None:
    """Return when an address or its network may begin another authorization, or none if it may now."""
    unfinished = sa.select(authorizations.c.created_at).where(of_address, authorizations.c.used_at.is_(None))
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
