"""The rules of linking over a real sandbox, without a web page."""

from collections.abc import Iterator

import pytest

from portal.database.database import Database
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.linking.in_flight import Waiters
from portal.linking.linking import Linking
from portal.linking.unlinking import Unlinking
from portal.settings.loading import load
from portal.viewers.records import ViewerRecords
from portal.zype.client import ZypeClient
from tests.harness.ledger import ledger_on
from tests.harness.simulated_zype import SimulatedZype


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


class Rules:
    """Linking and unlinking with their own client.

    Args:
        sandbox: what they ask.
        ledger: where they write.
        database: where that is, and the names of TVs.
    """

    def __init__(self, sandbox: SimulatedZype, ledger: Ledger, database: Database) -> None:
        settings = load(
            {
                "PORTAL_ZYPE_API_URL": sandbox.url,
                "PORTAL_ZYPE_READ_TIMEOUT": "1.5",
                "PORTAL_LIMIT_VIEWER": "1000/minute",
                "PORTAL_LIMIT_ADDRESS": "1000/minute",
            }
        )
        self.zype = ZypeClient(settings)
        waiters = Waiters()
        self.history = History(database)
        self.linking = Linking(settings, ledger, self.history, self.zype, waiters)
        self.unlinking = Unlinking(settings, ledger, self.history, self.zype, waiters, ViewerRecords(database))


@pytest.fixture
def rules(ledger: Ledger, sandbox: SimulatedZype, database: Database) -> Iterator[Rules]:
    made = Rules(sandbox, ledger, database)
    yield made
    made.zype.close()
