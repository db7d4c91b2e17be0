"""Sessions on the server: the cookie holds a random id, the row everything else. Signing out deletes the row."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import Database
from portal.database.schema import UTCDateTime, metadata
from portal.domain.actors import SessionKind
from portal.settings.keys import LedgerKey, Purpose

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id_hash", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("principal_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("seen_at", UTCDateTime, nullable=False),
    sa.Column("address_hash", sa.String(64), nullable=False),
    sa.Column("authenticated_at", UTCDateTime),
    sa.Index("ix_sessions_kind_principal_id", "kind", "principal_id"),
    sa.Index("ix_sessions_created_at", "created_at"),
)

SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Lifetime:
    """How long a session lasts.

    Args:
        absolute: from sign-in, whatever happens.
        idle: from the last request.
    """

    absolute: timedelta
    idle: timedelta


LIFETIMES = {
    SessionKind.VIEWER: Lifetime(absolute=timedelta(hours=24), idle=timedelta(hours=2)),
    SessionKind.AGENT: Lifetime(absolute=timedelta(hours=12), idle=timedelta(minutes=30)),
    SessionKind.PENDING_AGENT: Lifetime(absolute=timedelta(minutes=10), idle=timedelta(minutes=10)),
}


@dataclass(frozen=True)
class Session:
    """Who is signed in.

    Args:
        kind: what the session is good for.
        principal_id: a viewer's consumer_id, or an agent's id.
        name: as Zype or the provider has it, if it has one.
        email: likewise, if it could be asked.
        authenticated_at: when an agent last proved who they are, by the clock of whoever they proved it to.
    """

    kind: SessionKind
    principal_id: str
    name: str | None
    email: str | None
    created_at: datetime
    seen_at: datetime
    authenticated_at: datetime | None


class Sessions:
    """The sessions, on one database.

    Args:
        database: where they are.
        key: hashes the random id, so that a copy of the table opens no session.
    """

    def __init__(self, database: Database, key: LedgerKey) -> None:
        self._database = database
        self._key = key

    def create(
        self,
        kind: SessionKind,
        principal_id: str,
        *,
        name: str | None,
        email: str | None,
        address: str,
        authenticated_at: datetime | None = None,
    ) -> str:
        """Begin a session, and forget those whose time is up.

        Args:
            kind: what it is good for.
            principal_id: a consumer_id or an agent's id.
            name: to greet them by.
            email: to name the account by.
            address: the client's; only its keyed hash is kept.
            authenticated_at: when an agent proved who they are; none means now.

        Returns:
            The random id for the cookie.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: there is no session.
        """
        session_id = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            now = self._database.now(connection)
            for old, lifetime in LIFETIMES.items():
                connection.execute(
                    sessions.delete().where(sessions.c.kind == old, sessions.c.created_at < now - lifetime.absolute)
                )
            connection.execute(
                sessions.insert(),
                {
                    "id_hash": self._hash(session_id),
                    "kind": kind,
                    "principal_id": principal_id,
                    "name": name,
                    "email": email,
                    "created_at": now,
                    "seen_at": now,
                    "address_hash": self._key.digest(Purpose.ADDRESS, address),
                    "authenticated_at": authenticated_at or now,
                },
            )
        return session_id

    def find(self, session_id: str) -> Session | None:
        """Return the session with this id if its time is not up.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: nobody can tell.
        """
        id_hash = self._hash(session_id)
        with self._database.read() as connection:
            row = connection.execute(_FIND, {"id_hash": id_hash}).one_or_none()
            now = self._database.now(connection)
        if row is None:
            return None
        session = Session(SessionKind(row.kind), *row[1:])
        lifetime = LIFETIMES[session.kind]
        if now - session.created_at > lifetime.absolute or now - session.seen_at > lifetime.idle:
            return None
        if now - session.seen_at > SEEN_EVERY:
            self._see(id_hash, now)
        return session

    def end(self, session_id: str) -> bool:
        """Delete a session, and tell whether it was still there.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it still lives.
        """
        with self._database.write() as connection:
            own = sessions.delete().where(sessions.c.id_hash == self._hash(session_id))
            return connection.execute(own).rowcount == 1

    def end_all(self, kind: SessionKind, principal_id: str) -> int:
        """Delete every session of a viewer or an agent, and return how many there were.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: they still live.
        """
        with self._database.write() as connection:
            theirs = (sessions.c.kind == kind, sessions.c.principal_id == principal_id)
            return connection.execute(sessions.delete().where(*theirs)).rowcount

    def age_of_proof(self, session: Session) -> timedelta:
        """Return how long ago the principal proved who they are, by the database's clock."""
        with self._database.read() as connection:
            return self._database.now(connection) - (session.authenticated_at or session.created_at)

    def _see(self, id_hash: str, now: datetime) -> None:
        try:
            with self._database.write() as connection:
                seen = sessions.update().where(sessions.c.id_hash == id_hash).values(seen_at=now)
                connection.execute(seen)
        except SQLAlchemyError:
            # Only the idle limit is a minute less exact; the page can be shown all the same.
            return

    def _hash(self, session_id: str) -> str:
        return self._key.digest(Purpose.SESSION, session_id)


_FIND = sa.select(
    sessions.c.kind,
    sessions.c.principal_id,
    sessions.c.name,
    sessions.c.email,
    sessions.c.created_at,
    sessions.c.seen_at,
    sessions.c.authenticated_at,
).where(sessions.c.id_hash == sa.bindparam("id_hash"))
