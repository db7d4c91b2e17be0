"""How much waits in a table for somebody to deal with it, and for how long it has waited."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from portal.database.database import Database


@dataclass(frozen=True)
class Backlog:
    """Rows that wait.

    Args:
        count: of them; like the age not a number (NaN) where the database does not say.
        age: the seconds that the oldest has waited; 0 if none does.
    """

    count: float
    age: float


def backlog(database: Database, since: sa.ColumnElement[datetime], *conditions: sa.ColumnElement[bool]) -> Backlog:
    """Return the rows that meet all conditions, as a backlog. Raises SQLAlchemyError if the database fails.

    Args:
        database: in which they are.
        since: the time from which each of them has waited; it may be yet to come.
        conditions: of the rows.
    """
    query = sa.select(sa.func.count(), sa.func.min(since)).where(*conditions)
    with database.read() as connection:
        now = database.now(connection)
        count, oldest = connection.execute(query).one()
    return Backlog(count, max(0.0, (now - oldest).total_seconds()) if count else 0.0)
