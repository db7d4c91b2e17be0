"""A viewer's preferences: the language they last used, and the names of their TVs."""

from collections.abc import Mapping

import sqlalchemy as sa

from portal.database.database import Database
from portal.database.schema import metadata

viewers = sa.Table(
    "viewers",
    metadata,
    sa.Column("consumer_id", sa.Text, primary_key=True),
    sa.Column("language", sa.String(20), nullable=False),
)

tv_names = sa.Table(
    "tv_names",
    metadata,
    sa.Column("consumer_id", sa.Text, primary_key=True),
    sa.Column("linked_device_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)


class ViewerPreferences:
    """The viewers' preferences. Every method raises sqlalchemy.exc.SQLAlchemyError if the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_language(self, consumer_id: str, language: str) -> None:
        """Store the language that a viewer uses, such as ``pt-BR``, for the mails to them."""
        self._upsert(viewers, {"consumer_id": consumer_id, "language": language})

    def language(self, consumer_id: str) -> str | None:
        """Return the language that a viewer last used, or none if they have used none."""
        query = sa.select(viewers.c.language).where(viewers.c.consumer_id == consumer_id)
        return self._database.scalar(query)

    def name_tv(self, consumer_id: str, linked_device_id: str, name: str) -> None:
        """Store a viewer's own name for a TV; an empty name removes it."""
        if name:
            self._upsert(tv_names, {"consumer_id": consumer_id, "linked_device_id": linked_device_id, "name": name})
            return
        is_it = (tv_names.c.consumer_id == consumer_id, tv_names.c.linked_device_id == linked_device_id)
        self._database.change(tv_names.delete().where(*is_it))

    def tv_names(self, consumer_id: str) -> Mapping[str, str]:
        """Return a viewer's own names of their TVs, by linked_device_id."""
        query = sa.select(tv_names.c.linked_device_id, tv_names.c.name).where(tv_names.c.consumer_id == consumer_id)
        with self._database.read() as connection:
            return {row.linked_device_id: row.name for row in connection.execute(query)}

    def _upsert(self, table: sa.Table, values: Mapping[str, str]) -> None:
        """Insert a row, or update the row with the same key."""
        keys = [column.name for column in table.primary_key]
        others = {name: value for name, value in values.items() if name not in keys}
        insert = self._database.insert(table).values(**values)
        self._database.change(insert.on_conflict_do_update(index_elements=keys, set_=others))
