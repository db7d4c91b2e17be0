"""The operator's support staff, as the portal knows them: local accounts, and those whom a provider vouched for."""

import re
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.domain.actors import Role, SessionKind
from portal.domain.errors import AccountRefused
from portal.staff import passwords
from portal.staff.tables import agents, recovery_codes

# Of an agent who signs in with the operator's identity provider; a local name holds no colon.
OIDC_PREFIX = "oidc:"
LOCAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PASSWORD_GROUPS = 4


@dataclass(frozen=True)
class Account:
    """A member of the support staff.

    Args:
        id: a local name, or ``oidc:`` and the provider's ``sub``; it is the ledger's ``actor_id``.
        name: to greet them by.
        disabled_at: since when they may not sign in, if they may not.
    """

    id: str
    name: str
    email: str | None
    role: Role
    created_at: datetime
    disabled_at: datetime | None

    @property
    def is_local(self) -> bool:
        """Whether they sign in here, and not with the operator's identity provider."""
        return not self.id.startswith(OIDC_PREFIX)


class Agents:
    """The accounts. Every method raises sqlalchemy.exc.SQLAlchemyError where the database fails.

    Args:
        database: where they are.
        sessions: which end with an account.
    """

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions

    def find(self, agent_id: str) -> Account | None:
        """Return the account with this id, disabled or not."""
        with self._database.read() as connection:
            row = connection.execute(_FIND, {"agent_id": agent_id}).one_or_none()
        return _account(row) if row else None

    def find_local(self, name: str) -> Account | None:
        """Return the local account that somebody signs in with, in whatever case they write its name."""
        agent_id = _local_id(name)
        return self.find(agent_id) if agent_id else None

    def all(self) -> list[Account]:
        """Return every account, by id."""
        with self._database.read() as connection:
            return [_account(row) for row in connection.execute(sa.select(*_COLUMNS).order_by(agents.c.id))]

    def has_local(self) -> bool:
        """Tell whether anybody signs in with a local account."""
        with self._database.read() as connection:
            return bool(connection.execute(sa.select(sa.exists().where(agents.c.password_hash.is_not(None)))).scalar())

    def remember(self, agent_id: str, name: str, email: str | None, role: Role) -> Account:
        """Keep what a provider says of an agent, and return their account; one that is disabled stays so.

        Args:
            agent_id: ``oidc:`` and the provider's ``sub``.
            name: to greet them by.
            email: if the provider tells it.
            role: as of this sign-in.
        """
        told = {"name": name, "email": email, "role": role}
        with self._database.write() as connection:
            row = {"id": agent_id, "created_at": self._database.now(connection), **told}
            connection.execute(self._insert().values(**row).on_conflict_do_update(index_elements=["id"], set_=told))
            return _account(connection.execute(_FIND, {"agent_id": agent_id}).one())

    def add(self, name: str, role: Role, password: str | None = None) -> str:
        """Make a local account, and return its password: it is shown once and kept as a hash alone.

        Args:
            name: to sign in with and to greet them by; in lower case it is the account's id.
            role: what they may do.
            password: given for the demo, whose accounts are no secret; else one is made up.

        Raises:
            AccountRefused: the name can't be one, or is taken.
        """
        agent_id = _local_id(name)
        if agent_id is None:
            raise AccountRefused(
                "The name has to start with a letter or digit, and may go on with those, dots, dashes and underscores, "
                "up to 64 in all."
            )
        password = password or passwords.generate(PASSWORD_GROUPS)
        row = {"id": agent_id, "name": name.strip(), "role": role, "password_hash": passwords.hashed(password)}
        with self._database.write() as connection:
            made = self._insert().values(**row, created_at=self._database.now(connection))
            # Drivers differ in how they count the rows of an INSERT, and so in whether none was.
            if connection.execute(made.on_conflict_do_nothing().returning(agents.c.id)).one_or_none() is None:
                raise AccountRefused(f"There is an account {agent_id} already.")
        return password

    def disable(self, name: str) -> list[str]:
        """Let nobody sign in with an account again, and end its sessions at once.

        Args:
            name: of a local account; or an id with ``oidc:``, whether they ever signed in or not; or the whole e-mail
                address of agents who signed in with the provider.

        Returns:
            The ids of the accounts that are disabled now.

        Raises:
            AccountRefused: there is no such account.
        """
        with self._database.write() as connection:
            now = self._database.now(connection)
            if _is_of_provider(name):
                row = {"id": name, "name": name, "role": Role.AGENT, "created_at": now}
                connection.execute(self._insert().values(**row).on_conflict_do_nothing())
            found = list(connection.execute(sa.select(agents.c.id).where(_named(name))).scalars())
            still = agents.update().where(agents.c.id.in_(found), agents.c.disabled_at.is_(None))
            connection.execute(still.values(disabled_at=now))
        if not found:
            raise AccountRefused("There is no such account. See: zype-activate agents list")
        for agent_id in found:
            self.sign_out(agent_id)
        return found

    def reset(self, name: str) -> str | None:
        """Let somebody begin anew: their second factor and sessions are gone, and a disabled account is enabled.

        Args:
            name: of a local account, or an id with ``oidc:``.

        Returns:
            The new password of a local account, shown once; none where the provider has the password.

        Raises:
            AccountRefused: there is no such account.
        """
        account = self.find(name) if _is_of_provider(name) else self.find_local(name)
        if account is None:
            raise AccountRefused("There is no such account. See: zype-activate agents list")
        password = passwords.generate(PASSWORD_GROUPS) if account.is_local else None
        anew = {
            "password_hash": passwords.hashed(password) if password else None,
            **dict.fromkeys(("totp_secret", "totp_offered", "totp_step", "disabled_at")),
        }
        with self._database.write() as connection:
            connection.execute(agents.update().where(agents.c.id == account.id).values(**anew))
            connection.execute(recovery_codes.delete().where(recovery_codes.c.agent_id == account.id))
        self.sign_out(account.id)
        return password

    def sign_out(self, agent_id: str) -> None:
        """End every session of an agent, and every sign-in that is half done."""
        # In this order: a sign-in that is finished meanwhile either finds its half gone, or is ended with the rest.
        for kind in (SessionKind.HALF_AGENT, SessionKind.AGENT):
            self._sessions.end_all(kind, agent_id)

    def verify(self, name: str, password: str) -> tuple[Account, str] | None:
        """Look at a name and a password.

        Whoever has no account, another's password or a disabled one costs the same work, so that neither the answer
        nor its time tells which it was.

        Returns:
            The account, unless it is disabled, and what is kept of its password, for ``has_still``.
        """
        account = self.find_local(name)
        query = sa.select(agents.c.password_hash).where(agents.c.id == (account.id if account else None))
        with self._database.read() as connection:
            kept: str | None = connection.execute(query).scalar()
        if not passwords.is_right(password, kept) or account is None or kept is None or account.disabled_at:
            return None
        if passwords.is_out_of_date(kept):
            kept = self._keep_again(account.id, kept, password)
        return account, kept

    def has_still(self, agent_id: str, kept: str) -> bool:
        """Tell whether this is still what is kept of an account's password: a reset may have come in between."""
        query = sa.select(sa.exists().where(agents.c.id == agent_id, agents.c.password_hash == kept))
        with self._database.read() as connection:
            return bool(connection.execute(query).scalar())

    def _keep_again(self, agent_id: str, kept: str, password: str) -> str:
        anew = passwords.hashed(password)
        # Unless a reset came in between: then the password that was right a moment ago is no longer.
        same = (agents.c.id == agent_id, agents.c.password_hash == kept)
        with self._database.write() as connection:
            connection.execute(agents.update().where(*same).values(password_hash=anew))
        return anew

    def _insert(self) -> sqlite.Insert | postgresql.Insert:
        return sqlite.insert(agents) if self._database.is_sqlite else postgresql.insert(agents)


_COLUMNS = tuple(agents.c[name] for name in Account.__dataclass_fields__)
_FIND = sa.select(*_COLUMNS).where(agents.c.id == sa.bindparam("agent_id"))


def _account(row: sa.Row[tuple[object, ...]]) -> Account:
    values = dict(row._mapping)
    return Account(**values | {"role": Role(values["role"])})


def _local_id(name: str) -> str | None:
    """Return the id of the local account of this name, or none if it can't be a name."""
    agent_id = name.strip()
    # Only then in lower case: that of the sign for kelvin is an ordinary k.
    return agent_id.lower() if LOCAL_NAME.fullmatch(agent_id) else None


def _is_of_provider(name: str) -> bool:
    return name.startswith(OIDC_PREFIX) and name != OIDC_PREFIX


def _named(name: str) -> sa.ColumnElement[bool]:
    """Return the condition for the accounts that an operator names."""
    if _is_of_provider(name):
        return agents.c.id == name
    if "@" in name:
        return sa.and_(agents.c.email == name, agents.c.id.startswith(OIDC_PREFIX))
    return agents.c.id == _local_id(name)
