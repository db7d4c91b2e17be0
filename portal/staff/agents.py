"""The accounts of the support staff: local ones, and those of agents whom an identity provider vouches for."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.domain.actors import OPERATOR, Actor, Reason, Role, SessionKind
from portal.domain.errors import AccountError
from portal.domain.outcomes import Action
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.staff import passwords
from portal.staff.accounts import BAD_NAME, COLUMNS, Account, account_of, is_oidc_id, local_id, matches, oidc_ids
from portal.staff.tables import agents, recovery_codes

PASSWORD_GROUPS = 4
# A password that was printed and passed on has to be changed by then.
PASSWORD_LIFETIME = timedelta(hours=72)
NO_SUCH_ACCOUNT = "There is no such account. See: zype-activate agents list"


class Agents:
    """The accounts. Every method raises sqlalchemy.exc.SQLAlchemyError where the database fails.

    Each change is recorded in the ledger, in the transaction that makes it.
    """

    def __init__(self, database: Database, sessions: Sessions, ledger: Ledger) -> None:
        self._database = database
        self._sessions = sessions
        self._ledger = ledger

    def find(self, agent_id: str) -> Account | None:
        """Return the account with this id, disabled or not."""
        with self._database.read() as connection:
            row = connection.execute(_FIND, {"agent_id": agent_id}).one_or_none()
        return account_of(row) if row else None

    def find_local(self, name: str) -> Account | None:
        """Return the local account with this name, in any case."""
        agent_id = local_id(name)
        return self.find(agent_id) if agent_id else None

    def all(self) -> list[Account]:
        """Return every account, by id."""
        with self._database.read() as connection:
            return [account_of(row) for row in connection.execute(sa.select(*COLUMNS).order_by(agents.c.id))]

    def has_local(self) -> bool:
        """Tell whether there are local accounts."""
        return bool(self._database.scalar(sa.select(sa.exists().where(agents.c.password_hash.is_not(None)))))

    def upsert(self, issuer: str, subject: str, name: str, email: str | None, role: Role) -> Account:
        """Store what a provider says about an agent at a sign-in, and return the account; it may be a disabled one.

        An account that names no issuer yet becomes that of the first one whose agent has its subject.

        Raises:
            AccountError: other agents have every id that this one could have.
        """
        claims = {"issuer": issuer, "subject": subject, "name": name, "email": email, "role": role}
        is_theirs = sa.or_(agents.c.issuer.is_(None), sa.and_(agents.c.issuer == issuer, agents.c.subject == subject))
        with self._database.write() as connection:
            row = {"created_at": self._database.now(connection), **claims}
            for agent_id in oidc_ids(issuer, subject):
                insert = self._database.insert(agents).values(id=agent_id, **row)
                update = insert.on_conflict_do_update(index_elements=["id"], set_=claims, where=is_theirs)
                if connection.execute(update.returning(agents.c.id)).one_or_none():
                    return account_of(connection.execute(_FIND, {"agent_id": agent_id}).one())
        raise AccountError("other agents have this agent's ids")

    def oidc_id(self, issuer: str, subject: str) -> str:
        """Return the id of an agent of a provider, which they may not have used yet."""
        plain, full = oidc_ids(issuer, subject)
        others = (agents.c.id == plain, agents.c.issuer.is_not(None))
        is_taken = sa.exists().where(*others, sa.or_(agents.c.issuer != issuer, agents.c.subject != subject))
        return full if self._database.scalar(sa.select(is_taken)) else plain

    def add(self, name: str, role: Role, password: str | None = None, *, actor: Actor = OPERATOR) -> str:
        """Add a local account, and return its password: it is shown once and stored only as a hash.

        Args:
            name: to sign in with and for display; in lower case it is the account's id.
            role: what the agent may do.
            password: of the demo's accounts, which are no secret. For all others one is generated, which ends after
                PASSWORD_LIFETIME and has to be changed at the first sign-in.
            actor: who adds it.

        Raises:
            AccountError: the name is not allowed, or is taken.
        """
        agent_id = local_id(name)
        if agent_id is None:
            raise AccountError(BAD_NAME)
        generated = passwords.generate(PASSWORD_GROUPS)
        password_hash = passwords.hash_password(password or generated)
        row = {"id": agent_id, "name": name.strip(), "role": role, "password_hash": password_hash}
        with self._database.write() as connection:
            now = self._database.now(connection)
            expires_at = None if password else now + PASSWORD_LIFETIME
            insert = self._database.insert(agents).values(**row, created_at=now, password_expires_at=expires_at)
            # RETURNING, because drivers differ in the row count that they report for an INSERT without effect.
            if connection.execute(insert.on_conflict_do_nothing().returning(agents.c.id)).one_or_none() is None:
                raise AccountError(f"There is an account {agent_id} already.")
            self._record(connection, Action.ADD_ACCOUNT, actor, f"{agent_id}, {role}")
        return password or generated

    def disable(self, name: str, actor: Actor = OPERATOR) -> list[str]:
        """Disable accounts, end their sessions at once, and return their ids.

        Args:
            name: of a local account; or an id with ``oidc:``, even if that agent never signed in; or the whole email
                address of agents who signed in with the provider.

        Raises:
            AccountError: there is no such account.
        """
        with self._database.write() as connection:
            now = self._database.now(connection)
            if is_oidc_id(name):
                row = {"id": name, "name": name, "role": Role.AGENT, "created_at": now}
                connection.execute(self._database.insert(agents).values(**row).on_conflict_do_nothing())
            ids = list(connection.execute(sa.select(agents.c.id).where(matches(name))).scalars())
            enabled = agents.update().where(agents.c.id.in_(ids), agents.c.disabled_at.is_(None))
            connection.execute(enabled.values(disabled_at=now))
            for agent_id in ids:
                self._record(connection, Action.DISABLE_ACCOUNT, actor, agent_id)
        if not ids:
            raise AccountError(NO_SUCH_ACCOUNT)
        for agent_id in ids:
            self.end_sessions(agent_id)
        return ids

    def reset(self, name: str, actor: Actor = OPERATOR) -> str | None:
        """Remove an account's second factor and sessions, and enable it if it is disabled.

        The name is a local one, or an id with ``oidc:``. Returns the new password of a local account, shown once, which
        lasts as that of a new account does; none where the provider has the password.

        Raises:
            AccountError: there is no such account.
        """
        account = self.find(name) if is_oidc_id(name) else self.find_local(name)
        if account is None:
            raise AccountError(NO_SUCH_ACCOUNT)
        password = passwords.generate(PASSWORD_GROUPS) if account.is_local else None
        values = {
            "password_hash": passwords.hash_password(password) if password else None,
            **dict.fromkeys(("totp_secret", "totp_offered", "totp_step", "disabled_at")),
        }
        with self._database.write() as connection:
            expires_at = self._database.now(connection) + PASSWORD_LIFETIME if password else None
            changed = agents.update().where(agents.c.id == account.id)
            connection.execute(changed.values(**values, password_expires_at=expires_at))
            connection.execute(recovery_codes.delete().where(recovery_codes.c.agent_id == account.id))
            self._record(connection, Action.RESET_ACCOUNT, actor, account.id)
        self.end_sessions(account.id)
        return password

    def sign_out(self, agent_id: str, actor: Actor) -> int:
        """End every session of an agent and record who did, in one transaction; return how many there were.

        Raises sqlalchemy.exc.SQLAlchemyError, and has ended none.
        """
        with self._database.write() as connection:
            count = self.end_sessions(agent_id, connection)
            self._record(connection, Action.SIGN_OUT_EVERYWHERE, actor, agent_id)
        return count

    def sign_out_named(self, name: str, actor: Actor) -> int:
        """End every session of the accounts with a name, as ``disable`` takes it. Raises as ``sign_out``.

        Raises:
            AccountError: there is no such account.
        """
        with self._database.read() as connection:
            ids = connection.execute(sa.select(agents.c.id).where(matches(name))).scalars().all()
        if not ids:
            raise AccountError(NO_SUCH_ACCOUNT)
        return sum(self.sign_out(agent_id, actor) for agent_id in ids)

    def end_sessions(self, agent_id: str, connection: Connection | None = None, *, keep: str | None = None) -> int:
        """End every session of an agent, and every sign-in that still lacks the second factor; return how many.

        Args:
            connection: of a unit of work that writes, if more is to be done in the same transaction.
            keep: the id of a session that goes on.
        """
        # In this order: a sign-in that completes meanwhile finds its pending session gone, or ends with the rest.
        kinds = (SessionKind.PENDING_AGENT, SessionKind.AGENT)
        return sum(self._sessions.end_all(kind, agent_id, connection, keep=keep) for kind in kinds)

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

    def is_password_expired(self, account: Account) -> bool:
        """Tell whether an account's generated password has ended, by the database's clock."""
        return account.password_expires_at is not None and account.password_expires_at <= self._database.now()

    def change_password(self, agent_id: str, present: str | None, password: str) -> bool:
        """Store the password that an agent chose, which does not end; tell whether the present one was right.

        Args:
            present: the present password; none if it need not be given.
            password: the new one.
        """
        old_hash = self._database.scalar(sa.select(agents.c.password_hash).where(agents.c.id == agent_id))
        if old_hash is None or (present is not None and not passwords.verify(present, old_hash)):
            return False
        values = {"password_hash": passwords.hash_password(password), "password_expires_at": None}
        # Only if no reset came in between.
        unchanged = (agents.c.id == agent_id, agents.c.password_hash == old_hash)
        return self._database.change(agents.update().where(*unchanged).values(**values)) == 1

    def _record(self, connection: Connection, action: Action, actor: Actor, what: str) -> None:
        self._ledger.record_change(connection, Attempt(action, actor, reason=Reason(what)))


_FIND = sa.select(*COLUMNS).where(agents.c.id == sa.bindparam("agent_id"))
