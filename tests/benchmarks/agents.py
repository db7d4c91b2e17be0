"""Agents of a portal that is measured: accounts and sessions, stored without the way through their sign-in."""

from datetime import UTC, datetime

from portal.commands.context import load_settings, open_database
from portal.database.sessions import Sessions
from portal.domain.actors import Role, SessionKind
from portal.settings.keys import keyring
from portal.staff.tables import agents
from tests.benchmarks.servers import Server


def signed_in_agents(portal: Server, count: int) -> list[dict[str, str]]:
    """Add agents to a portal, and return the cookie of each."""
    settings = load_settings(portal.environ)
    with open_database(settings) as database:
        sessions = Sessions(database, keyring(settings).current)
        names = [f"agent-{number}" for number in range(count)]
        rows = [{"id": name, "name": name, "role": Role.AGENT, "created_at": datetime.now(UTC)} for name in names]
        with database.write() as connection:
            connection.execute(agents.insert(), rows)
        given = {"name": None, "email": None, "address": "127.0.0.1"}
        cookie = settings.cookie_name("activate-staff")
        return [{cookie: sessions.create(SessionKind.AGENT, name, **given)} for name in names]
