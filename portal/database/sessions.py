"""Sessions on the server: the cookie holds a random id, a row holds everything else. Sign-out deletes the row."""

import secrets
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from portal.database.clearing import delete_some
from portal.database.database import Database
from portal.database.schema import UTCDateTime, clock, metadata
from portal.database.statements import Statement
from portal.domain.actors import SessionKind
from portal.settings.addresses import network_prefix
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
    sa.Index("ix_sessions_kind_created_at", "kind", "created_at"),
)

# Sessions of one principal at a time. Nobody has that many browsers. Without a bound, whoever has an account could fill
# the table.
MAX_SESSIONS = 20
# How often the time of the last request is written.
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Lifetime:
    """How long a session lasts since sign-in, and how long since the last request."""

    absolute: timedelta
    idle: timedelta


LIFETIMES = {
    SessionKind.VIEWER: Lifetime(absolute=timedelta(hours=24), idle=timedelta(hours=2)),
    SessionKind.AGENT: Lifetime(absolute=timedelta(hours=12), idle=timedelta(minutes=30)),
    SessionKind.PENDING_AGENT: Lifetime(absolute=timedelta(minutes=10), idle=timedelta(minutes=10)),
}


@dataclass(frozen=True)
class Session:
    """A session of the principal who is signed in.

    Args:
        principal_id: a viewer's consumer_id, or an agent's id.
        name: from Zype or the identity provider, if it has one; so is the email.
        authenticated_at: when an agent last authenticated, by the clock of the portal or of the identity provider.
    """

    kind: SessionKind
    principal_id: str
    name: str | None
    email: str | None
    created_at: datetime
    seen_at: datetime
    authenticated_at: datetime | None


_FIND = Statement(
    sa.select(clock, *(sessions.c[field.name] for field in fields(Session))).where(
        sessions.c.id_hash == sa.bindparam("id_hash")
    )
)

_SURPLUS = (
    sa.select(sessions.c.id_hash)
    .where(sessions.c.kind == sa.bindparam("kind"), sessions.c.principal_id == sa.bindparam("principal_id"))
    .order_by(sessions.c.created_at.desc())
    .offset(MAX_SESSIONS - 1)
)

_DELETE_EXPIRED = delete_some(
    sessions, sessions.c.kind == sa.bindparam("of_kind"), sessions.c.created_at < sa.bindparam("before")
)


class Sessions:
    """The sessions. Where the database fails, a method raises sqlalchemy.exc.SQLAlchemyError and has changed nothing.

    The key hashes the random ids, so that a copy of the table gives access to no session.
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
        """Create a session, delete some that have expired, and return the random id for the cookie.

        Of more than MAX_SESSIONS sessions of one principal the oldest ends.

        Args:
            principal_id: a consumer_id or an agent's id.
            address: the client's; only its keyed hash is stored.
            authenticated_at: when an agent authenticated; None means now.
        """
        session_id = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            now = self._database.now(connection)
            for each, lifetime in LIFETIMES.items():
                connection.execute(_DELETE_EXPIRED, {"of_kind": each, "before": now - lifetime.absolute})
            self._end_oldest(connection, kind, principal_id)
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
                    "address_hash": self._key.digest(Purpose.ADDRESS, network_prefix(address)),
                    "authenticated_at": authenticated_at or now,
                },
            )
        return session_id

    def _end_oldest(self, connection: Connection, kind: SessionKind, principal_id: str) -> None:
        """Leave room for one more session of a principal."""
        # So that two sign-ins at once don't each leave room for the same one.
        self._database.lock(connection, [f"sessions|{kind}|{principal_id}"])
        surplus = connection.execute(_SURPLUS, {"kind": kind, "principal_id": principal_id}).scalars().all()
        if surplus:
            connection.execute(sessions.delete().where(sessions.c.id_hash.in_(surplus)))

    def find(self, session_id: str) -> Session | None:
        """Return the session with this id, or none if there is none or it has expired."""
        id_hash = self._hash(session_id)
        with self._database.read() as connection:
            row = _FIND.one_or_none(connection, {"id_hash": id_hash})
        if row is None:
            return None
        now, kind, *others = row
        session = Session(SessionKind(kind), *others)
        lifetime = LIFETIMES[session.kind]
        if now - session.created_at > lifetime.absolute or now - session.seen_at > lifetime.idle:
            return None
        if now - session.seen_at > SEEN_EVERY:
            self._update_seen_at(id_hash, now)
        return session

    def last_principal(self, kind: SessionKind, session_id: str) -> str | None:
        """Return whose session of a kind this is, or was until it expired. It says nothing about who is signed in."""
        is_it = (sessions.c.id_hash == self._hash(session_id), sessions.c.kind == kind)
        return self._database.scalar(sa.select(sessions.c.principal_id).where(*is_it))

    def end(self, session_id: str) -> bool:
        """Delete a session, and return whether there was one."""
        return self._database.change(sessions.delete().where(sessions.c.id_hash == self._hash(session_id))) == 1

    def end_all(
        self,
        kind: SessionKind,
        principal_id: str,
        connection: Connection | None = None,
        *,
        keep: str | None = None,
    ) -> int:
        """Delete every session of a viewer or an agent, and return how many there were.

        Args:
            connection: of a unit of work that writes, if more is to be done in the same transaction.
            keep: the id of one that goes on.
        """
        of_principal = sessions.delete().where(sessions.c.kind == kind, sessions.c.principal_id == principal_id)
        if keep:
            of_principal = of_principal.where(sessions.c.id_hash != self._hash(keep))
        return connection.execute(of_principal).rowcount if connection else self._database.change(of_principal)

    def end_everybodys(self, connection: Connection) -> int:
        """Delete every session of viewers and agents, in a unit of work that writes; return how many there were."""
        return connection.execute(sessions.delete()).rowcount

    def time_since_authentication(self, session: Session) -> timedelta:
        """Return how long ago the principal authenticated, by the database's clock."""
        return self._database.now() - (session.authenticated_at or session.created_at)

    def _update_seen_at(self, id_hash: str, now: datetime) -> None:
        # Without it the idle limit is a minute less exact, which is no reason to show no page.
        with suppress(SQLAlchemyError):
            self._database.change(sessions.update().where(sessions.c.id_hash == id_hash).values(seen_at=now))

    def _hash(self, session_id: str) -> str:
        return self._key.digest(Purpose.SESSION, session_id)
