"""The numbers of a viewer's TVs, which stand for a name where the viewer gave none."""

from collections.abc import Mapping, Sequence
from itertools import count

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import Database
from portal.database.engine import describe
from portal.database.schema import metadata

log = structlog.get_logger("portal.viewers")

tv_numbers = sa.Table(
    "tv_numbers",
    metadata,
    sa.Column("consumer_id", sa.Text, primary_key=True),
    sa.Column("linked_device_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)


class TVNumbers:
    """Gives each TV of a viewer a number that stays: "TV 2" is the same TV after TV 1 was unlinked.

    The ledger can't tell it: it does not know TVs that were linked elsewhere, and its old rows move to archives.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, consumer_id: str, device_ids: Sequence[str]) -> Mapping[str, int]:
        """Return the number of each TV by linked_device_id; those that have none get the next ones, in their order.

        Raises sqlalchemy.exc.SQLAlchemyError if numbers can't be read. That they can't be kept is only logged.
        """
        with self._database.read() as connection:
            numbers = _kept(connection, consumer_id)
        if new := [device_id for device_id in device_ids if device_id not in numbers]:
            try:
                return self._add(consumer_id, new)
            except SQLAlchemyError as error:
                log.warning("tvs_not_numbered", why=describe(error))
        return numbers | _next(numbers, new)

    def _add(self, consumer_id: str, device_ids: Sequence[str]) -> Mapping[str, int]:
        """Number TVs, unless another page has done it meanwhile; return the numbers of all."""
        with self._database.write() as connection:
            self._database.lock(connection, [f"tv-numbers {consumer_id}"])
            numbers = _kept(connection, consumer_id)
            added = _next(numbers, [device_id for device_id in device_ids if device_id not in numbers])
            rows = [
                {"consumer_id": consumer_id, "linked_device_id": device_id, "number": number}
                for device_id, number in added.items()
            ]
            if rows:
                connection.execute(tv_numbers.insert(), rows)
            return numbers | added


def _kept(connection: Connection, consumer_id: str) -> dict[str, int]:
    query = sa.select(tv_numbers.c.linked_device_id, tv_numbers.c.number).where(tv_numbers.c.consumer_id == consumer_id)
    return {row.linked_device_id: row.number for row in connection.execute(query)}


def _next(numbers: Mapping[str, int], device_ids: Sequence[str]) -> dict[str, int]:
    return dict(zip(device_ids, count(max(numbers.values(), default=0) + 1)))
