"""The command that forgets a viewer."""

import click

from portal.commands.context import configured_database, operator
from portal.commands.parameters import Id
from portal.ledger.ledger import Ledger
from portal.mail.outbox import outbox
from portal.settings.keys import keyring
from portal.viewers.erasure import Erasure

viewers = click.Group(help="The viewers' data.")


@viewers.command()
@click.option("--viewer", type=Id(), required=True, help="The viewer's consumer id.")
@click.option("--dry-run", is_flag=True, help="Only list what would be erased.")
def forget(viewer: str, dry_run: bool) -> None:
    """Erase what is stored of a viewer, and list it. The ledger keeps their attempts."""
    with configured_database() as (settings, database):
        erasure = Erasure(database, Ledger(database, keyring(settings)), outbox)
        attempts = erasure.attempts(viewer)
        counts = erasure.count(viewer) if dry_run else erasure.erase(viewer, operator())
    for name, count in counts.items():
        click.echo(f"{name}: {count}")
    click.echo(f"attempts in the ledger, which stay: {attempts}")
    click.echo("Nothing was erased: this was a dry run." if dry_run else "Erased.")
