"""Accounts of support staff, stored without the work of argon2 for each: a password is hashed once in a process."""

from datetime import UTC, datetime
from functools import cache

from portal.domain.actors import Role
from portal.services import Services
from portal.staff import passwords
from portal.staff.tables import agents

_hash_once = cache(passwords.hash_password)


def add_account(services: Services, agent_id: str, role: Role, password: str | None = None) -> None:
    """Store an account; without a password it is one that nobody signs in with."""
    row = {
        "id": agent_id,
        "name": agent_id.capitalize() if password is None else agent_id,
        "role": role,
        "password_hash": _hash_once(password) if password else None,
        "created_at": datetime.now(UTC),
    }
    with services.database.write() as connection:
        connection.execute(agents.insert(), row)
