"""The number of a TV that has no name: given once, in the order of linking, and never moved."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from portal.database.database import Database
from portal.viewers.tv_numbers import TVNumbers
from tests.harness.internals import logged


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    """An empty database with the portal's schema."""
    database = Database(any_database_url)
    yield database
    database.dispose()


def test_a_number_stays_whoever_goes_and_is_never_given_again(database: Database) -> None:
    numbers = TVNumbers(database)

    assert numbers.of("alice", ["a", "b", "c"]) == {"a": 1, "b": 2, "c": 3}
    assert numbers.of("alice", ["c"])["c"] == 3
    assert numbers.of("alice", ["d", "c"])["d"] == 4
    assert numbers.of("alice", ["a"])["a"] == 1, "linked again"
    assert numbers.of("mallory", ["c"]) == {"c": 1}
    assert numbers.of("nobody", []) == {}


def test_two_pages_at_once_give_each_tv_one_number(database: Database) -> None:
    lists = [["a", "b", "c"], ["b", "c", "a"], ["c", "d"], ["a", "d"]] * 2

    with ThreadPoolExecutor(len(lists)) as threads:
        found = list(threads.map(lambda devices: TVNumbers(database).of("alice", devices), lists))

    kept = TVNumbers(database).of("alice", [])
    assert sorted(kept.values()) == [1, 2, 3, 4]
    assert all(
        kept.items() >= {device: numbers[device] for device in devices}.items()
        for numbers, devices in zip(found, lists, strict=True)
    )


def test_numbers_that_can_t_be_kept_are_those_of_the_list(database: Database) -> None:
    numbers = TVNumbers(database)
    numbers.of("alice", ["a"])
    with database.write() as connection:
        # Whichever number it would be.
        connection.execute(sa.text("CREATE UNIQUE INDEX refusing ON tv_numbers ((1))"))

    with logged() as events:
        assert numbers.of("alice", ["c", "d"]) == {"a": 1, "c": 2, "d": 3}

    assert [event["event"] for event in events] == ["tvs_not_numbered"]
