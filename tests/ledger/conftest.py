"""The ledger without a web page."""

from collections.abc import Iterator

import pytest

from portal.database.database import Database
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.verification import Verification
from tests.harness.ledger import ledger_on

# For tests of what differs between the databases: locks, triggers, transactions, types and longer queries.
on_any_database = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of this test's own: SQLite, and PostgreSQL too if the test is marked ``on_any_database``."""
    kind = getattr(request, "param", "sqlite")
    opened = Database(request.getfixturevalue(f"{kind}_url"), connections=40)
    yield opened
    opened.dispose()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """The ledger of that database."""
    return ledger_on(database)


@pytest.fixture
def history(database: Database) -> History:
    """The history of that ledger."""
    return History(database)


@pytest.fixture
def verification(database: Database, ledger: Ledger) -> Verification:
    """The verification of that ledger."""
    return Verification(database, ledger.keyring)
