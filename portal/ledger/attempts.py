"""Attempts as the ledger takes and returns them, and the answer to whether one may go on."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from portal.domain.actors import Actor, ActorKind, Reason
from portal.domain.outcomes import Action


@dataclass(frozen=True)
class Attempt:
    """What is about to be tried.

    Args:
        actor: who tries it, and from where.
        consumer_id: of the account, if known.
        linked_device_id: of the TV, if known.
        pin_fingerprint: the keyed fingerprint of the PIN, if there is one.
        subject_hash: the keyed hash of the email address or name of a sign-in, or of the text of a look-up.
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
    """The columns of a ledger row that the rules read.

    Args:
        at: when it was written, by the database's clock, UTC.
        outcome: how the attempt ended; none in the row that was written before the call to Zype.
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
        """Tell whether this actor made the attempt."""
        return (self.actor_kind, self.actor_id) == (actor.kind, actor.id)


@dataclass(frozen=True)
class PastAttempt:
    """An attempt with its outcome. The fields are the columns of an export, in this order.

    Args:
        id: of the row that began it; newer attempts have larger ones.
        at: when it began, by the database's clock, UTC.
        outcome: none while there is no row with one.
        ended_at: when the row with the outcome was written.
        row_hash: the keyed hash of the row that began it.
        outcome_row_hash: of the row with the outcome.
    """

    id: int
    at: datetime
    action: Action
    attempt_id: str
    outcome: str | None
    ended_at: datetime | None
    actor_kind: ActorKind
    actor_id: str
    consumer_id: str | None
    linked_device_id: str | None
    reason: str | None
    ticket: str | None
    request_id: str
    zype_milliseconds: int | None
    row_hash: str
    outcome_row_hash: str | None


@dataclass(frozen=True)
class Begun:
    """The attempt is in the ledger; Zype may be called.

    Args:
        is_slow: it has to wait first, because its subject failed too often, from whatever addresses.
    """

    is_slow: bool = False


@dataclass(frozen=True)
class InFlight:
    """The same attempt is already in flight; its outcome is the outcome of this one too."""

    attempt_id: str


@dataclass(frozen=True)
class Repeated:
    """The same actor sent the same PIN a moment ago, and it was not found or refused: this is no second attempt."""

    attempt_id: str
    outcome: str


@dataclass(frozen=True)
class RateLimited:
    """A limit is reached: no call to Zype, and no attempt for retry_after seconds.

    The first in the window of a limit is in the ledger, as too many; the others are only counted.
    """

    retry_after: float
