"""The command that moves old rows of the ledger into a file."""

from datetime import UTC, datetime
from pathlib import Path

import click

from portal.commands.context import configured_database, fail, operator
from portal.ledger.archivable import Archivable, kept_for
from portal.ledger.archiving import ArchiveFailed, Archiving
from portal.ledger.ledger import Ledger
from portal.settings.keys import keyring


@click.command()
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The first day, UTC, that stays.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="Where the file is to be; the current folder by default.",
)
def archive(before: datetime, folder: Path) -> None:
    """Move attempts that are older than a day out of the database, into a signed file."""
    with configured_database() as (settings, database):
        archivable = Archivable(database, kept_for(settings))
        archiving = Archiving(database, Ledger(database, keyring(settings)), archivable)
        day = before.replace(tzinfo=UTC)
        limit = archivable.limit(day)
        if limit < day:
            click.echo(f"Rules still read rows since {limit:%Y-%m-%d %H:%M}Z, so these stay.")
        made = 0
        try:
            for archived in archiving.archive(day, folder, operator()):
                made += 1
                click.echo(f"{archived.file}: {archived.rows} rows moved out of the database.")
        except (ArchiveFailed, OSError) as error:
            fail(str(error))
    if not made:
        click.echo("Nothing to archive.")
