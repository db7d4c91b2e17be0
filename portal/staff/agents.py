"""The accounts of the support staff: local ones, and those of agents whom an identity provider vouches for."""

import re
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.domain.actors import Role, SessionKind
from portal.domain.errors import AccountError
from portal.staff import passwords
from portal.staff.tables import agents, recovery_codes

# Ids of agents who sign in with the operator's identity provider start with this; a local name contains no colon.
OIDC_PREFIX = "oidc:"
LOCAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PASSWORD_GROUPS = 4
BAD_NAME = (
    "The name has to start with a letter or digit, and may go on with those, dots, dashes and underscores, "
    "up to 64 in all."
)
NO_SUCH_ACCOUNT = "There is no such account. See: zype-activate agents list"


@dataclass(frozen=True)
class Account:
    """A member of the support staff. The id, the ledger's actor_id, is a local name or ``oidc:`` and a ``sub``."""

    id: str
    name: str
    email: str | None
    role: Role
    created_at: datetime
    disabled_at: datetime | None

    @property
    def is_local(self) -> bool:
        """Whether the agent signs in with a password of the portal, and not with the operator's identity provider."""
        return not self.id.startswith(OIDC_PREFIX)


class Agents:
    """The accounts. Every method raises sqlalchemy.exc.SQLAlchemyError where the database fails."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions

    def find(self, agent_id: str) -> Account | None:
        """Return the account with this id, disabled or not."""
        with self._database.read() as connection:
            row = connection.execute(_FIND, {"agent_id": agent_id}).one_or_none()
        return _account(row) if row else None

    def find_local(self, name: str) -> Account | None:
        """Return the local account with this name, in any case."""
        agent_id = _local_id(name)
        return self.find(agent_id) if agent_id else None

    def all(self) -> list[Account]:
        """Return every account, by id."""
        with self._database.read() as connection:
            return [_account(row) for row in connection.execute(sa.select(*_COLUMNS).order_by(agents.c.id))]

    def has_local(self) -> bool:
        """Tell whether there are local accounts."""
        return bool(self._database.scalar(sa.select(sa.exists().where(agents.c.password_hash.is_not(None)))))

    def upsert(self, agent_id: str, name: str, email: str | None, role: Role) -> Account:
        """Store what a provider says about an agent at a sign-in, and return the account; it may be a disabled one."""
        claims = {"name": name, "email": email, "role": role}
        with self._database.write() as connection:
            row = {"id": agent_id, "created_at": self._database.now(connection), **claims}
            insert = self._database.insert(agents).values(**row)
            connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=claims))
            return _account(connection.execute(_FIND, {"agent_id": agent_id}).one())

    def add(self, name: str, role: Role, password: str | None = None) -> str:
        """Add a local account, and return its password: it is shown once and stored only as a hash.

        Args:
            name: to sign in with and for display; in lower case it is the account's id.
            role: what the agent may do.
            password: of the demo's accounts, which are no secret; for all others one is generated.

        Raises:
            AccountError: the name is not allowed, or is taken.
        """
        agent_id = _local_id(name)
        if agent_id is None:
            raise AccountError(BAD_NAME)
        password = password or passwords.generate(PASSWORD_GROUPS)
        row = {"id": agent_id, "name": name.strip(), "role": role, "password_hash": passwords.hash_password(password)}
        with self._database.write() as connection:
            insert = self._database.insert(agents).values(**row, created_at=self._database.now(connection))
            # RETURNING, because drivers differ in the row count that they report for an INSERT without effect.
            if connection.execute(insert.on_conflict_do_nothing().returning(agents.c.id)).one_or_none() is None:
                raise AccountError(f"There is an account {agent_id} already.")
        return password

    def disable(self, name: str) -> list[str]:
        """Disable accounts, end their sessions at once, and return their ids.

        Args:
            name: of a local account; or an id with ``oidc:``, even if that agent never signed in; or the whole e-mail
                address of agents who signed in with the provider.

        Raises:
            AccountError: there is no such account.
        """
        with self._database.write() as connection:
            now = self._database.now(connection)
            if _is_oidc_id(name):
                row = {"id": name, "name": name, "role": Role.AGENT, "created_at": now}
                connection.execute(self._database.insert(agents).values(**row).on_conflict_do_nothing())
            ids = list(connection.execute(sa.select(agents.c.id).where(_matches(name))).scalars())
            enabled = agents.update().where(agents.c.id.in_(ids), agents.c.disabled_at.is_(None))
            connection.execute(enabled.values(disabled_at=now))
        if not ids:
            raise AccountError(NO_SUCH_ACCOUNT)
        for agent_id in ids:
            self.sign_out(agent_id)
        return ids

    def reset(self, name: str) -> str | None:
        """Remove an account's second factor and sessions, and enable it if it is disabled.

        The name is a local one, or an id with ``oidc:``. Returns the new password of a local account, shown once; none
        where the provider has the password.

        Raises:
            AccountError: there is no such account.
        """
        account = self.find(name) if _is_oidc_id(name) else self.find_local(name)
        if account is None:
            raise AccountError(NO_SUCH_ACCOUNT)
        password = passwords.generate(PASSWORD_GROUPS) if account.is_local else None
        values = {
            "password_hash": passwords.hash_password(password) if password else None,
            **dict.fromkeys(("totp_secret", "totp_offered", "totp_step", "disabled_at")),
        }
        with self._database.write() as connection:
            connection.execute(agents.update().where(agents.c.id == account.id).values(**values))
            connection.execute(recovery_codes.delete().where(recovery_codes.c.agent_id == account.id))
        self.sign_out(account.id)
        return password

    def sign_out(self, agent_id: str) -> None:
        """End every session of an agent, and every sign-in that still lacks the second factor."""
        # In this order: a sign-in that completes meanwhile finds its pending session gone, or ends with the rest.
        for kind in (SessionKind.PENDING_AGENT, SessionKind.AGENT):
            self._sessions.end_all(kind, agent_id)

    def verify(self, name: str, password: str) -> tuple[Account, str] | None:
        """Verify a name and a password.

        An unknown name, a wrong password and a disabled account all cost the same work, so neither the result nor the
        time that it takes tells which it was.

        Returns:
            The account, unless it is disabled, and its password hash, for ``has_password_hash``.
        """
        account = self.find_local(name)
        query = sa.select(agents.c.password_hash).where(agents.c.id == (account.id if account else None))
        password_hash = self._database.scalar(query)
        is_right = passwords.verify(password, password_hash)
        if not is_right or account is None or password_hash is None or account.disabled_at:
            return None
        if not passwords.needs_rehash(password_hash):
            return account, password_hash
        new_hash = passwords.hash_password(password)
        # Only if no reset came in between: after one, the password that was just verified is no longer the right one.
        unchanged = (agents.c.id == account.id, agents.c.password_hash == password_hash)
        self._database.change(agents.update().where(*unchanged).values(password_hash=new_hash))
        return account, new_hash

    def has_password_hash(self, agent_id: str, password_hash: str) -> bool:
        """Tell whether an account still has this password hash: a reset may have replaced it meanwhile."""
        query = sa.select(sa.exists().where(agents.c.id == agent_id, agents.c.password_hash == password_hash))
        return bool(self._database.scalar(query))


_COLUMNS = tuple(agents.c[name] for name in Account.__dataclass_fields__)
_FIND = sa.select(*_COLUMNS).where(agents.c.id == sa.bindparam("agent_id"))


def _account(row: sa.Row[tuple[object, ...]]) -> Account:
    values = dict(row._mapping)
    return Account(**values | {"role": Role(values["role"])})


def _local_id(name: str) -> str | None:
    """Return the id of the local account with this name, or none if the name is not allowed."""
    agent_id = name.strip()
    # Lower-cased only after the match: the Kelvin sign becomes an ordinary k.
    return agent_id.lower() if LOCAL_NAME.fullmatch(agent_id) else None


def _is_oidc_id(name: str) -> bool:
    return name.startswith(OIDC_PREFIX) and name != OIDC_PREFIX


def _matches(name: str) -> sa.ColumnElement[bool]:
    if _is_oidc_id(name):
        return agents.c.id == name
    if "@" in name:
        return sa.and_(agents.c.email == name, agents.c.id.startswith(OIDC_PREFIX))
    return agents.c.id == _local_id(name)
