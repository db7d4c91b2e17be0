"""The operator's support staff, as the portal knows them: local accounts, and those whom a provider vouched for."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from portal.config import Settings
from portal.db import Database, UTCDateTime, metadata
from portal.models import Role

# Of an agent who signs in with the operator's identity provider; a local name holds no colon.
OIDC_PREFIX = "oidc:"

agents = sa.Table(
    "agents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("totp_secret", sa.Text),
    sa.Column("totp_step", sa.BigInteger),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("disabled_at", UTCDateTime),
)

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("agent_id", sa.Text, primary_key=True),
    sa.Column("code_hash", sa.String(64), primary_key=True),
)


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


class Agents:
    """The accounts. Every method raises sqlalchemy.exc.SQLAlchemyError where the database fails.

    Args:
        database: where they are.
        settings: the keys that protect second factors.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def find(self, agent_id: str) -> Account | None:
        """Return the account with this id, disabled or not."""
        with self._database.read() as connection:
            row = connection.execute(_FIND, {"agent_id": agent_id}).one_or_none()
        return _account(row) if row else None

    def remember(self, agent_id: str, name: str, email: str | None, role: Role) -> Account:
        """Keep what a provider says of an agent, and return their account; one that is disabled stays so.

        Args:
            agent_id: ``oidc:`` and the provider's ``sub``.
            name: to greet them by.
            email: if the provider tells it.
            role: as of this sign-in.
        """
        told = {"name": name, "email": email, "role": role}
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        with self._database.write() as connection:
            row = {"id": agent_id, "created_at": self._database.now(connection), **told}
            statement = insert(agents).values(**row).on_conflict_do_update(index_elements=["id"], set_=told)
            connection.execute(statement)
            return _account(connection.execute(_FIND, {"agent_id": agent_id}).one())


_COLUMNS = tuple(agents.c[name] for name in Account.__dataclass_fields__)
_FIND = sa.select(*_COLUMNS).where(agents.c.id == sa.bindparam("agent_id"))


def _account(row: sa.Row[tuple[object, ...]]) -> Account:
    values = dict(row._mapping)
    return Account(**values | {"role": Role(values["role"])})
