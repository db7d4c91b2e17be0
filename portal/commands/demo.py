"""The demo: portal, sandbox and a simulated TV, with no credentials, and data that is gone afterwards."""

import logging
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

import click

from portal.commands import brand_folder
from portal.commands.brand_folder import PREFIX as BRAND
from portal.commands.context import fail, load_brand, load_settings, open_database
from portal.commands.folders import temporary_folder
from portal.commands.output import guarded_output
from portal.commands.serve import run_server
from portal.database.migration import upgrade
from portal.database.sessions import Sessions
from portal.domain.actors import Role
from portal.ledger.ledger import Ledger
from portal.sandbox import seed
from portal.settings.dotenv_file import dotenv_line
from portal.settings.environment import PREFIX, variable
from portal.settings.keys import keyring
from portal.settings.rules import reachable_from_elsewhere
from portal.settings.settings import Settings
from portal.staff.agents import Agents
from portal.staff.second_factor import SecondFactor

# Every other setting of an environment or a .env file is for the real portal, and must not reach a demo.
INHERITED = (
    *("PORTAL_BIND", "PORTAL_PUBLIC_URL", "PORTAL_ZYPE_API_URL", "PORTAL_SMTP_URL"),
    *("PORTAL_SIGN_IN", "PORTAL_LANGUAGE"),
)
# Without one, pages can only say that support would help.
SUPPORT_URL = "mailto:support@example.com"


@click.command()
@click.option("--once", is_flag=True, help="Stop as soon as everything is up.")
@click.option("--brand", type=click.Path(path_type=Path), help="A folder with a brand, such as docs/examples/brand.")
def demo(once: bool, brand: Path | None) -> None:
    """Try everything, with a simulated Zype and TV and no credentials."""
    server = os.getpid()
    look = load_brand(brand) if brand else {}
    with temporary_folder("demo") as folder:
        environ = _environment({**os.environ, **look}, folder)
        settings = _local_settings(environ)
        _write_dotenv(environ, folder)
        _seed_database(settings)

        def on_ready() -> None:
            try:
                with guarded_output():
                    click.echo(_instructions(settings, folder))
            finally:
                if once:
                    os.kill(server, signal.SIGTERM)

        run_server(settings, environ, on_ready, log_level=logging.WARNING)


def _environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment of a demo, whose data is in the folder."""
    inherited = {
        name: value
        for name, value in environ.items()
        if not name.startswith(PREFIX) or name in (*INHERITED, *brand_folder.FILES) or name.startswith(BRAND)
    }
    # A command that is started in the folder of the demo has to find them too.
    files = {name: str(Path(inherited[name]).absolute()) for name in brand_folder.FILES if inherited.get(name)}
    return {
        "PORTAL_SIGN_IN": "password,code,handoff",
        "PORTAL_BRAND_SUPPORT_URL": SUPPORT_URL,
        **inherited,
        **files,
        "PORTAL_MODE": "sandbox",
        "PORTAL_DATABASE_URL": f"sqlite:///{folder / 'demo.db'}",
        "PORTAL_SECRET_KEY": secrets.token_hex(32),
    }


def _local_settings(environ: Mapping[str, str]) -> Settings:
    """Return a demo's settings, or end with a sentence if others than this machine could reach it."""
    settings = load_settings({**environ, "PORTAL_SANDBOX_PUBLIC": "yes"})
    if names := reachable_from_elsewhere(settings):
        listed = " and ".join(map(variable, names))
        fail(f"The demo stays on this machine, because everybody knows its passwords. Set {listed} to loopback.")
    return load_settings(environ)


def _write_dotenv(environ: Mapping[str, str], folder: Path) -> None:
    """Write a demo's settings into its folder, where a command that is started there finds them."""
    file = folder / ".env"
    file.touch(mode=0o600)
    settings = [dotenv_line(name, value) for name, value in environ.items() if name.startswith(PREFIX)]
    file.write_text("".join(settings), encoding="utf-8")


def _seed_database(settings: Settings) -> None:
    """Create the database of a demo, with accounts for its support staff, whose second factor is public."""
    # It closes its connection, which the workers that are forked later must not share.
    with open_database(settings) as database:
        upgrade(settings.database_url.get_secret_value())
        keys = keyring(settings)
        ledger = Ledger(database, keys)
        agents = Agents(database, Sessions(database, keys.current), ledger)
        for person in seed.STAFF:
            agents.add(person.name, Role.SUPERVISOR if person.is_supervisor else Role.AGENT, person.password)
            SecondFactor(database, settings, ledger).enrol(person.name, person.secret)


def _instructions(settings: Settings, folder: Path) -> str:
    checkout = Path(__file__).parents[2]
    command = f"cd {quote(str(folder))} && PYTHONPATH={quote(str(checkout))} {quote(sys.executable)} -m portal"
    viewer, agent, supervisor = seed.ALICE, seed.BOB, seed.SUPERVISOR
    return f"""
  Zype Activate is running, with a simulated Zype and a simulated TV.

    Portal   {settings.public_url}
    Console  {settings.console_url}/support
    TV       {settings.zype_api_url}/tv
    Mail     {settings.zype_api_url}/mail
    More     {settings.zype_api_url}/  with PINs that fail, and all sign-ins

  Link the TV:

    1. Open the TV:      {settings.zype_api_url}/tv
    2. Open the portal:  {settings.public_url}/activate
    3. Sign in:          {viewer.email}   password: {viewer.password}
    4. Type the PIN that the TV shows, and press "Link my TV".
    5. Look at the TV: within a few seconds it says hello to {viewer.name}.

  Link another one for her, as customer support does:

    6. Open the console: {settings.console_url}/support
    7. Sign in:          {agent.name}   password: {agent.password}
    8. Enter the code of his authenticator app:  {settings.zype_api_url}/authenticator
    9. Find {viewer.email}, and enter the PIN of a TV that you open in another tab.

  This agent can also read the history of all agents:  {supervisor.name}   password: {supervisor.password}
  Secrets for an authenticator app of your own:
    {agent.name}: {agent.secret}   {supervisor.name}: {supervisor.secret}
  Check a file that they took from the history:
    {command} audit verify FILE

  Sign in without a password, from a site where she is signed in already:  {settings.handoff_url}
  Ctrl-C stops the demo and removes its data.
"""
