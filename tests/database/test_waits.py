"""What a unit of work waits for is told, with the seconds that it took."""

import threading
from collections import Counter
from contextlib import suppress

import pytest
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import Database, Wait
from portal.database.engine import TimeLimits

LOCK_SECONDS = 0.1
NAME = "the same"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_waits_are_told_by_what_for_and_for_how_long(kind: str, request: pytest.FixtureRequest) -> None:
    told: list[tuple[Wait, float]] = []
    limits = TimeLimits(lock_seconds=LOCK_SECONDS)
    url = request.getfixturevalue(f"{kind}_url")
    database = Database(url, limits=limits, observe=lambda wait, seconds: told.append((wait, seconds)))
    with database.read():
        pass
    with database.write() as connection:
        database.lock(connection, [NAME])
        others = [*told]
        told.clear()

        def wait_in_vain() -> None:
            with suppress(SQLAlchemyError), database.write() as other:
                database.lock(other, [NAME])

        thread = threading.Thread(target=wait_in_vain)
        thread.start()
        thread.join()
    database.dispose()
    is_sqlite = kind == "sqlite"
    # SQLite has one writer, so nothing is locked by name.
    assert Counter(wait for wait, _ in others) == Counter([Wait.READ, Wait.WRITE, *([] if is_sqlite else [Wait.LOCK])])
    seconds = dict(told)
    assert seconds[Wait.WRITE if is_sqlite else Wait.LOCK] >= LOCK_SECONDS * 0.9


def test_names_of_locks_may_begin_alike(postgresql_url: str) -> None:
    database = Database(postgresql_url, limits=TimeLimits(lock_seconds=LOCK_SECONDS))
    with database.write() as connection, database.write() as other:
        database.lock(connection, ["zype-activate schema"])
        database.lock(other, ["zype-activate check"])
    database.dispose()
