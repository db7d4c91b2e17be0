"""The command that ends sessions."""

import click

from portal.commands.context import configured_database, fail, operator
from portal.commands.parameters import Id
from portal.database.sessions import Sessions
from portal.domain.counting import counted
from portal.domain.errors import AccountError
from portal.ledger.ledger import Ledger
from portal.settings.keys import keyring
from portal.staff.agents import Agents
from portal.viewers.sign_out import SignOut

sessions = click.Group(help="The sessions of viewers and support staff.")


@sessions.command()
@click.option("--viewer", type=Id(), help="End those of the viewer with this consumer id.")
@click.option("--agent", metavar="NAME", help="End those of this agent, named as for `agents disable`.")
@click.option("--all", "everybody", is_flag=True, help="End those of all viewers and agents.")
def end(viewer: str | None, agent: str | None, everybody: bool) -> None:
    """End sessions at once, and print how many. Give exactly one of the options."""
    if sum((viewer is not None, agent is not None, everybody)) != 1:
        raise click.UsageError("Give exactly one of --viewer, --agent and --all.")
    with configured_database() as (settings, database):
        keys = keyring(settings)
        ledger, of_browsers = Ledger(database, keys), Sessions(database, keys.current)
        sign_out = SignOut(database, of_browsers, ledger)
        if viewer is not None:
            count = sign_out.viewer(viewer, operator())
        elif agent is not None:
            try:
                count = Agents(database, of_browsers, ledger).sign_out_named(agent, operator())
            except AccountError as error:
                fail(str(error))
        else:
            count = sign_out.everybody(operator())
    click.echo(f"{counted(count, 'session')} ended.")
