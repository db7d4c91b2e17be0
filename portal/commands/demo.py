"""The demo: portal, sandbox and a simulated TV, with no credentials, and data that is gone afterwards."""

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from portal.database.database import Database, upgrade
from portal.database.sessions import Sessions
from portal.domain.actors import Role
from portal.sandbox import seed
from portal.settings.keys import keyring
from portal.settings.settings import Settings
from portal.staff.agents import Agents
from portal.staff.second_factor import SecondFactor

# Everything else that an environment or a .env file says is for the real thing, and must not reach a demo.
KEPT = (
    *("PORTAL_BIND", "PORTAL_PUBLIC_URL", "PORTAL_ZYPE_API_URL", "PORTAL_SMTP_URL"),
    *("PORTAL_SIGN_IN", "PORTAL_LANGUAGE"),
)


def environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment of a demo.

    Args:
        environ: of the process; what addresses it sets is kept.
        folder: for the data.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("PORTAL_") or name in KEPT}
    return {
        "PORTAL_SIGN_IN": "password,code",
        **kept,
        "PORTAL_MODE": "sandbox",
        "PORTAL_DATABASE_URL": f"sqlite:///{folder / 'demo.db'}",
        "PORTAL_SECRET_KEY": secrets.token_hex(32),
    }


def keep_settings(environ: Mapping[str, str], folder: Path) -> None:
    """Write a demo's settings beside its data, where a command that is started in that folder finds them."""
    file = folder / ".env"
    file.touch(mode=0o600)
    given = {name: value for name, value in environ.items() if name.startswith("PORTAL_")}
    file.write_text("".join(f"{name}='{value}'\n" for name, value in given.items()), encoding="utf-8")


def hire(settings: Settings) -> None:
    """Make the database of a demo, with accounts for its support staff, whose second factor everybody knows.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: there is no demo.
    """
    url = settings.database_url.get_secret_value()
    upgrade(url)
    database = Database(url, connections=1)
    try:
        agents = Agents(database, Sessions(database, keyring(settings).current))
        for person in seed.STAFF:
            agents.add(person.name, Role.SUPERVISOR if person.is_supervisor else Role.AGENT, person.password)
            SecondFactor(database, settings).enrol(person.name, person.secret)
    finally:
        # Before the workers are forked: they must not share a connection.
        database.dispose()


def steps(settings: Settings, folder: Path) -> str:
    """Return what to do to link a TV, for a newcomer.

    Args:
        settings: of the demo.
        folder: with its data and settings.
    """
    checkout = Path(__file__).parents[2]
    command = f"cd {quote(str(folder))} && PYTHONPATH={quote(str(checkout))} {quote(sys.executable)} -m portal"
    viewer, agent, supervisor = seed.ALICE, seed.BOB, seed.SUPERVISOR
    return f"""
  Zype Activate is running, with a simulated Zype and a simulated TV.

    Portal   {settings.public_url}
    TV       {settings.zype_api_url}/tv
    Mail     {settings.zype_api_url}/mail

  Link the TV:

    1. Open the TV:      {settings.zype_api_url}/tv
    2. Open the portal:  {settings.public_url}/activate
    3. Sign in:          {viewer.email}   password: {viewer.password}
    4. Type the PIN that the TV shows, and press "Link my TV".
    5. Look at the TV: within a few seconds it says hello to {viewer.name}.

  Link another one for her, as customer support does:

    6. Open the console: {settings.public_url}/support
    7. Sign in:          {agent.name}   password: {agent.password}
    8. Enter the code of his phone, which this page plays: {settings.zype_api_url}/authenticator
    9. Find {viewer.email}, and enter the PIN of a TV that you open in another tab.

  Who may read everybody's history:  {supervisor.name}   password: {supervisor.password}
  Secrets for an authenticator app of your own:
    {agent.name}: {agent.secret}   {supervisor.name}: {supervisor.secret}
  Check a file that they took from the history:
    {command} audit verify FILE

  More to try, such as PINs that fail:  {settings.zype_api_url}/
  Ctrl-C stops the demo and removes its data.
"""
