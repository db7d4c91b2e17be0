"""A ledger of the tests on a given database, and who writes into it."""

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind
from portal.ledger.ledger import Ledger
from portal.settings.keys import Keyring, LedgerKey

ALICE = "alice-consumer-id"


def actor(consumer_id: str = ALICE, address: str = "192.0.2.1") -> Actor:
    """Return a viewer who acts for themselves."""
    return Actor(ActorKind.VIEWER, consumer_id, address, "request-1")


def ledger_on(database: Database) -> Ledger:
    """Return the ledger of a database, with a key of the tests."""
    return Ledger(database, Keyring(LedgerKey(b"a key for the ledger of the tests")))
