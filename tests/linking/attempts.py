"""Attempts as the tests of linking make and read them."""

import sqlalchemy as sa

from portal.domain.outcomes import Action, Outcome
from portal.domain.pins import Pin
from portal.ledger.attempts import Attempt
from portal.ledger.tables import ledger
from portal.services import Services
from tests.harness.ledger import actor

VIEWER = f"{7:024x}"
OTHER = f"{8:024x}"


def link(services: Services, pin: str, consumer_id: str = VIEWER) -> Outcome:
    """Link a TV as its viewer does, and return the outcome."""
    return services.linking.link(pin, consumer_id, actor(consumer_id)).outcome


def begin_link(services: Services, pin: str, consumer_id: str = VIEWER) -> Attempt:
    """Begin an attempt of a viewer to link by a PIN, and leave it in flight."""
    fingerprint = services.ledger.keyring.fingerprint(Pin(pin))
    attempt = Attempt(Action.LINK, actor(consumer_id), consumer_id, pin_fingerprint=fingerprint)
    services.ledger.begin(attempt)
    return attempt


def finish_link(services: Services, pin: str, outcome: Outcome) -> None:
    """Write an attempt of the viewer that has ended."""
    services.ledger.finish(begin_link(services, pin), outcome)


def outcomes(services: Services) -> list[str]:
    """Return the outcomes in the ledger, oldest first."""
    query = sa.select(ledger.c.outcome).where(ledger.c.outcome.is_not(None)).order_by(ledger.c.id)
    with services.database.read() as connection:
        return list(connection.execute(query).scalars())
