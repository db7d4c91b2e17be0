"""Accounts of support staff, stored for tests whose subject is not how accounts are added."""

from datetime import UTC, datetime

from portal.domain.actors import Role
from portal.services import Services
from portal.staff import passwords
from portal.staff.tables import agents


def add_account(services: Services, agent_id: str, role: Role, password: str | None = None) -> None:
    """Store an account; without a password it is one that nobody signs in with."""
    row = {
        "id": agent_id,
        "name": agent_id.capitalize() if password is None else agent_id,
        "role": role,
        "password_hash": passwords.hash_password(password) if password else None,
        "created_at": datetime.now(UTC),
    }
    with services.database.write() as connection:
        connection.execute(agents.insert(), row)
