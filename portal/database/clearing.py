"""Clearing up what has expired, a little at a time, so that nobody waits for it."""

import sqlalchemy as sa

# Each unit of work that adds a row removes up to so many: more than enough to keep up, and few enough not to be felt.
AT_ONCE = 100


def delete_some(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.Delete:
    """Return the statement that deletes up to AT_ONCE rows that meet all conditions.

    On PostgreSQL it leaves out those that somebody else is deleting at this moment. SQLite has one writer.
    """
    (key,) = table.primary_key
    found = sa.select(key).where(*conditions).limit(AT_ONCE).with_for_update(skip_locked=True)
    return table.delete().where(key.in_(found))
