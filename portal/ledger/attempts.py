"""What the ledger is told and what it answers: an attempt, its row, and whether it may go on."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from portal.domain.actors import Actor, ActorKind, Reason
from portal.domain.outcomes import Action


@dataclass(frozen=True)
class Attempt:
    """What is about to be tried.

    Args:
        action: what is tried.
        actor: who tries it, and from where.
        consumer_id: whose account it is about, if that is known.
        linked_device_id: the TV it is about, if that is known.
        pin_fingerprint: the keyed fingerprint of the PIN, if there is one.
        subject_hash: the keyed hash of what somebody signs in as.
        reason: why an agent acts for a viewer, with the ticket if there is one.
        id: 32 hexadecimal characters.
    """

    action: Action
    actor: Actor
    consumer_id: str | None = None
    linked_device_id: str | None = None
    pin_fingerprint: str | None = None
    subject_hash: str | None = None
    reason: Reason | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(16))


@dataclass(frozen=True)
class Entry:
    """A row of the ledger, as far as the portal reads it again.

    Args:
        at: when it was written, by the database's clock, UTC.
        outcome: how the attempt ended; none in the row that was written before Zype was asked.
    """

    id: int
    at: datetime
    action: Action
    attempt_id: str
    outcome: str | None
    actor_kind: ActorKind
    actor_id: str
    consumer_id: str | None
    linked_device_id: str | None
    pin_fingerprint: str | None

    def is_by(self, actor: Actor) -> bool:
        """Tell whether it was this one who acted."""
        return (self.actor_kind, self.actor_id) == (actor.kind, actor.id)


@dataclass(frozen=True)
class Begun:
    """The attempt is in the ledger; Zype may be asked."""


@dataclass(frozen=True)
class Joined:
    """The same attempt is under way already.

    Args:
        attempt_id: of the attempt whose outcome is this one's too.
    """

    attempt_id: str


@dataclass(frozen=True)
class Limited:
    """A limit is reached; the ledger says so, and Zype must not be asked.

    Args:
        seconds: how long to wait before the next attempt.
    """

    seconds: float
