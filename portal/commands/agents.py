"""The commands of local accounts for support staff."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from portal.commands.context import configured_database, fail, operator
from portal.database.sessions import Sessions
from portal.domain.actors import Role
from portal.domain.errors import AccountError
from portal.ledger.ledger import Ledger
from portal.settings.keys import keyring
from portal.settings.settings import Settings
from portal.staff.accounts import Account
from portal.staff.agents import PASSWORD_LIFETIME, Agents

agents = click.Group(help="The support staff.")


@contextmanager
def _agents() -> Iterator[tuple[Agents, Settings]]:
    """Yield the accounts and the settings. If an account does not allow a change, the command ends with the reason."""
    with configured_database() as (settings, database):
        try:
            keys = keyring(settings)
            yield Agents(database, Sessions(database, keys.current), Ledger(database, keys)), settings
        except AccountError as error:
            fail(str(error))


@agents.command()
@click.argument("name")
@click.option("--supervisor", is_flag=True, help="The agent can also read and export the history of all agents.")
def add(name: str, supervisor: bool) -> None:
    """Add a local account called NAME, and print its password once."""
    role = Role.SUPERVISOR if supervisor else Role.AGENT
    with _agents() as (accounts, settings):
        password = accounts.add(name, role, actor=operator())
    click.echo(f"Account:  {name.strip().lower()}  ({role})")
    _print_password(password, settings)


@agents.command(name="list")
def list_all() -> None:
    """List every account: the local ones, and those who signed in with the identity provider."""
    with _agents() as (accounts, _):
        every = accounts.all()
    for account in every:
        click.echo(_line(account))
    if not every:
        click.echo("There are no accounts yet. Add one: zype-activate agents add NAME", err=True)


@agents.command()
@click.argument("name")
def disable(name: str) -> None:
    """Disable the account NAME, and end its sessions at once.

    NAME is a local name, "oidc:" with the agent's id at the identity provider, or the email address of an agent who
    has signed in with the provider.
    """
    with _agents() as (accounts, _):
        for agent_id in accounts.disable(name, operator()):
            click.echo(f"{agent_id} is disabled and signed out everywhere.")


@agents.command()
@click.argument("name")
def reset(name: str) -> None:
    """Reset the account NAME: a new password, no second factor, no sessions, and enabled if it was disabled."""
    with _agents() as (accounts, settings):
        password = accounts.reset(name, operator())
    click.echo(f"{name} can sign in again, and is signed out everywhere.")
    if password:
        _print_password(password, settings)


def _print_password(password: str, settings: Settings) -> None:
    hours = int(PASSWORD_LIFETIME.total_seconds()) // 3600
    click.echo(f"""\
Password: {password}
Console:  {settings.console_url}/support
The password is not shown again, and is good for {hours} hours. Give it to the person alone, in person or by phone.
At their first sign-in the console shows a QR code for an authenticator app, then ten recovery codes, and asks for a
password of their own.""")


def _line(account: Account) -> str:
    facts = [account.id, account.role.value, account.name]
    if account.email:
        facts.append(account.email)
    if account.disabled_at:
        facts.append(f"disabled since {account.disabled_at.isoformat(timespec='minutes')}")
    return "  ".join(facts)
