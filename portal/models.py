"""Words of the domain: who acts, what they do, and how it ends. Standard library only."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How an attempt to link ended. The set is closed: DESIGN, "Outcomes"."""

    LINKED = "linked"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    MALFORMED = "malformed"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    MISCONFIGURED = "misconfigured"


class UnlinkOutcome(StrEnum):
    """How an attempt to unlink or to undo ended."""

    UNLINKED = "unlinked"
    GONE = "gone"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    MISCONFIGURED = "misconfigured"


class SignInOutcome(StrEnum):
    """How an attempt to sign in ended."""

    SIGNED_IN = "signed_in"
    WRONG = "wrong"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"


class Action(StrEnum):
    """What an attempt in the ledger tried to do."""

    LINK = "link"
    UNLINK = "unlink"
    UNDO = "undo"
    SIGN_IN = "sign_in"


# The outcomes that an attempt of each kind can have.
OUTCOMES: dict[Action, tuple[str, ...]] = {
    Action.LINK: tuple(Outcome),
    Action.UNLINK: tuple(UnlinkOutcome),
    Action.UNDO: tuple(UnlinkOutcome),
    Action.SIGN_IN: tuple(SignInOutcome),
}
# Outcomes of an attempt that changed nothing, and so tell nothing about the PIN.
CHANGED_NOTHING = (
    Outcome.MALFORMED,
    Outcome.TOO_MANY,
    Outcome.UNAVAILABLE,
    Outcome.MISCONFIGURED,
    UnlinkOutcome.GONE,
)


class ActorKind(StrEnum):
    """Who acts: a viewer for themselves, an agent for a viewer, or the operator at the command line."""

    VIEWER = "viewer"
    AGENT = "agent"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Actor:
    """Who acts, and from where.

    Args:
        kind: viewer, agent or operator.
        id: a viewer's consumer_id or an agent's id.
        address: the client's address as text, IPv4 or IPv6; hashed before it is stored.
        request_id: the id of the HTTP request, to join the ledger to the logs.
    """

    kind: ActorKind
    id: str
    address: str
    request_id: str


@dataclass(frozen=True)
class LinkResult:
    """How an attempt to link ended.

    Args:
        outcome: one of the closed set.
        attempt_id: the attempt in the ledger that the outcome belongs to.
        linked_device_id: the TV, if Zype named it.
        retry_after: seconds until trying again may help, for too_many, unavailable and misconfigured.
    """

    outcome: Outcome
    attempt_id: str
    linked_device_id: str | None = None
    retry_after: int | None = None
