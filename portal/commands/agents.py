"""The commands of local accounts for support staff."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from portal.commands.context import environment, fail, load_settings, open_database
from portal.database.sessions import Sessions
from portal.domain.actors import Role
from portal.domain.errors import AccountError
from portal.settings.keys import keyring
from portal.staff.agents import Account, Agents

agents = click.Group()


@contextmanager
def _agents() -> Iterator[Agents]:
    """Yield the accounts for the block, which ends with why if an account does not allow what it does."""
    settings = load_settings(environment())
    with open_database(settings) as database:
        try:
            yield Agents(database, Sessions(database, keyring(settings).current))
        except AccountError as error:
            fail(str(error))


@agents.command()
@click.argument("name")
@click.option("--supervisor", is_flag=True, help="They also read and export everybody's history.")
def add(name: str, supervisor: bool) -> None:
    """Make a local account called NAME, and print its password once."""
    role = Role.SUPERVISOR if supervisor else Role.AGENT
    with _agents() as accounts:
        password = accounts.add(name, role)
    click.echo(f"Account:  {name.strip().lower()}  ({role})")
    _tell(password)
    click.echo("At the first sign-in the page asks to set up an authenticator app.")


@agents.command(name="list")
def list_all() -> None:
    """List every account: the local ones, and those who signed in with the identity provider."""
    with _agents() as accounts:
        found = accounts.all()
    for account in found:
        click.echo(_line(account))
    if not found:
        click.echo("There are no accounts yet. Make one: zype-activate agents add", err=True)


@agents.command()
@click.argument("name")
def disable(name: str) -> None:
    """Let NAME sign in no more, and end their sessions at once.

    NAME is a local name, "oidc:" with somebody's id at the provider, or the e-mail address of somebody who signed in
    with the provider.
    """
    with _agents() as accounts:
        for agent_id in accounts.disable(name):
            click.echo(f"{agent_id} is disabled and signed out everywhere.")


@agents.command()
@click.argument("name")
def reset(name: str) -> None:
    """Let NAME begin anew: a new password, no second factor, no sessions, and enabled if it was disabled."""
    with _agents() as accounts:
        password = accounts.reset(name)
    click.echo(f"{name} can sign in again, and is signed out everywhere.")
    if password:
        _tell(password)
        click.echo("At the next sign-in the page asks to set up an authenticator app.")


def _tell(password: str) -> None:
    click.echo(f"Password: {password}")
    click.echo("It is not shown again. Hand it over in person or by phone, to the person alone.")


def _line(account: Account) -> str:
    facts = [account.id, account.role.value, account.name]
    if account.email:
        facts.append(account.email)
    if account.disabled_at:
        facts.append(f"disabled since {account.disabled_at.isoformat(timespec='minutes')}")
    return "  ".join(facts)
