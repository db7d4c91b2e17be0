"""A ledger on a given database, and the actors who write to it."""

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind, Reason
from portal.ledger.ledger import Ledger
from portal.settings.keys import Keyring, LedgerKey

ALICE = "alice-consumer-id"
REASON = Reason("Other: the caller has no browser at hand", "T-1")


def actor(consumer_id: str = ALICE, address: str = "192.0.2.1") -> Actor:
    """Return a viewer who acts for themselves."""
    return Actor(ActorKind.VIEWER, consumer_id, address, "request-1")


def agent(agent_id: str = "bob", address: str = "192.0.2.9") -> Actor:
    """Return an agent who acts for a viewer."""
    return Actor(ActorKind.AGENT, agent_id, address, "request-2")


def ledger_on(database: Database) -> Ledger:
    """Return the ledger of a database, with a key of the tests."""
    return Ledger(database, Keyring(LedgerKey(b"a key for the ledger of the tests")))
