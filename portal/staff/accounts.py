"""An account of the support staff, and how its id is made of a name or of what an identity provider says."""

import re
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from portal.domain.actors import Role
from portal.staff.tables import agents

# Ids of agents who sign in with the operator's identity provider start with this; a local name contains no colon.
OIDC_PREFIX = "oidc:"
BAD_NAME = (
    "The name has to start with a letter or digit, and may go on with those, dots, dashes and underscores, "
    "up to 64 in all."
)
LOCAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Account:
    """A member of the support staff. The id, the ledger's actor_id, is a local name or ``oidc:`` and a ``sub``.

    Args:
        password_expires_at: of a generated password, which the agent has to change by then; none for any other.
    """

    id: str
    name: str
    email: str | None
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    password_expires_at: datetime | None

    @property
    def is_local(self) -> bool:
        """Whether the agent signs in with a password of the portal, and not with the operator's identity provider."""
        return not self.id.startswith(OIDC_PREFIX)

    @property
    def has_to_change_password(self) -> bool:
        """Whether the password is one that somebody else has seen: the agent has to choose another one first."""
        return self.password_expires_at is not None


COLUMNS = tuple(agents.c[name] for name in Account.__dataclass_fields__)


def account_of(row: sa.Row[tuple[object, ...]]) -> Account:
    """Return the account of a row that was read with exactly its columns."""
    values = dict(row._mapping)
    return Account(**values | {"role": Role(values["role"])})


def local_id(name: str) -> str | None:
    """Return the id of the local account with this name, or none if the name is not allowed."""
    agent_id = name.strip()
    # Lower-cased only after the match: the Kelvin sign becomes an ordinary k.
    return agent_id.lower() if LOCAL_NAME.fullmatch(agent_id) else None


def is_oidc_id(name: str) -> bool:
    """Tell whether a name is the id of an agent who signs in with an identity provider."""
    return name.startswith(OIDC_PREFIX) and name != OIDC_PREFIX


def oidc_ids(issuer: str, subject: str) -> tuple[str, str]:
    """Return the ids that an agent of a provider may have: the plain one, unless another provider's agent has that.

    A subject is unique at its issuer alone (OpenID Connect Core, section 2).
    """
    return f"{OIDC_PREFIX}{subject}", f"{OIDC_PREFIX}{issuer}#{subject}"


def matches(name: str) -> sa.ColumnElement[bool]:
    """Return the condition on accounts with a local name, an id with ``oidc:``, or a provider's email address."""
    if is_oidc_id(name):
        return agents.c.id == name
    if "@" in name:
        return sa.and_(agents.c.email == name, agents.c.id.startswith(OIDC_PREFIX))
    return agents.c.id == local_id(name)
