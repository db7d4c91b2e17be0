"""The ledger on either database, and the rules of linking over a real sandbox, without a web page."""

from collections.abc import Iterator

import pytest

from portal.audit import Ledger
from portal.config import load
from portal.db import Database
from portal.keys import Keyring, LedgerKey
from portal.linking import Linking
from portal.models import Actor, ActorKind
from portal.unlinking import Unlinking
from portal.viewer_records import ViewerRecords
from portal.waiters import Waiters
from portal.zype.client import ZypeClient
from tests.simulated_zype import SimulatedZype

ALICE = "alice-consumer-id"


def actor(consumer_id: str = ALICE, address: str = "192.0.2.1") -> Actor:
    """Return a viewer who acts for themselves."""
    return Actor(ActorKind.VIEWER, consumer_id, address, "request-1")


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    opened = Database(any_database_url, connections=40)
    yield opened
    opened.dispose()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return ledger_on(database)


def ledger_on(database: Database) -> Ledger:
    """Return the ledger of a database, with a key of the tests."""
    return Ledger(database, Keyring(LedgerKey(b"a key for the ledger of the tests")))


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
        self.linking = Linking(settings, ledger, self.zype, waiters)
        self.unlinking = Unlinking(settings, ledger, self.zype, waiters, ViewerRecords(database))


@pytest.fixture
def rules(ledger: Ledger, sandbox: SimulatedZype, database: Database) -> Iterator[Rules]:
    made = Rules(sandbox, ledger, database)
    yield made
    made.zype.close()
