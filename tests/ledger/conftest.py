"""The ledger on either database, without a web page."""

from collections.abc import Iterator

import pytest

from portal.database.database import Database
from portal.ledger.ledger import Ledger
from tests.harness.ledger import ledger_on


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    """A database of this test's own; the test runs on SQLite and on PostgreSQL."""
    opened = Database(any_database_url, connections=40)
    yield opened
    opened.dispose()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """The ledger of that database."""
    return ledger_on(database)
