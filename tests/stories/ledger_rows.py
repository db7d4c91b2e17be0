"""The ledger's rows in the database, read without the portal's own code."""

import sqlalchemy as sa

from portal.domain.outcomes import Action
from portal.ledger.tables import ledger
from portal.settings.settings import Settings


def rows_of(settings: Settings) -> list[sa.RowMapping]:
    """Return every row of a portal's ledger about linking, oldest first."""
    engine = sa.create_engine(settings.database_url.get_secret_value())
    query = sa.select(ledger).where(ledger.c.action == Action.LINK).order_by(ledger.c.id)
    with engine.connect() as connection:
        found = list(connection.execute(query).mappings())
    engine.dispose()
    return found
