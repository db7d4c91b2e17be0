"""The commands of the database."""

import click
from sqlalchemy.exc import SQLAlchemyError

from portal.commands.context import environment, fail, load_settings
from portal.database import migration
from portal.database.faults import reason
from portal.database.schema import NewerSchema

db = click.Group(help="The database.")


@db.command()
def upgrade() -> None:
    """Bring the database's schema up to date."""
    settings = load_settings(environment())
    try:
        migration.upgrade(settings.database_url.get_secret_value())
    except SQLAlchemyError as error:
        fail(f"The database can't be upgraded: {reason(error)}")
    except NewerSchema as error:
        fail(f"The database can't be upgraded: {error}.")
    click.echo("The database has this version's schema.")
