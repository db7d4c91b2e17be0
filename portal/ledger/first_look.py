"""The first look before an attempt: one query tells of most of them that nothing stands in their way."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.database.statements import Statement
from portal.ledger.blocking import is_full, kind_of, values_of_rooms
from portal.ledger.earlier_attempts import has_earlier, values_of_earlier
from portal.ledger.limits import Kind, Limit


def is_clear(
    connection: Connection,
    row: Mapping[str, Any],
    limits: tuple[Limit, ...],
    join_within: timedelta | None,
    now: datetime,
) -> bool:
    """Tell whether neither an earlier attempt nor a limit can stand in the way of a new one.

    If it is false, ``earlier_attempt`` and ``blocked`` have to be asked what does; the arguments are theirs.
    """
    values = values_of_rooms(row, limits, now)
    if join_within:
        values |= values_of_earlier(row, join_within, now)
    (is_obstructed,) = _obstacles(limits, kind_of(row), join_within is not None).one(connection, values)
    return not is_obstructed


@cache
def _obstacles(limits: tuple[Limit, ...], kind: Kind, with_earlier: bool) -> Statement:
    full = is_full(limits, kind)
    return Statement(sa.select(sa.or_(has_earlier, full) if with_earlier else full))
