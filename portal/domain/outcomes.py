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
    # The password was right, and the second factor is asked for.
    HALF = "half"
    WRONG = "wrong"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"


class LookUpOutcome(StrEnum):
    """How an agent's attempt to find a viewer ended."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    MALFORMED = "malformed"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"


class ExportOutcome(StrEnum):
    """How a supervisor's export of the history ended, as far as the ledger is concerned: it was handed out."""

    EXPORTED = "exported"


class Action(StrEnum):
    """What an attempt in the ledger tried to do."""

    LINK = "link"
    UNLINK = "unlink"
    UNDO = "undo"
    SIGN_IN = "sign_in"
    LOOK_UP = "look_up"
    EXPORT = "export"


# The outcomes that an attempt of each kind can have.
OUTCOMES: dict[Action, tuple[str, ...]] = {
    Action.LINK: tuple(Outcome),
    Action.UNLINK: tuple(UnlinkOutcome),
    Action.UNDO: tuple(UnlinkOutcome),
    Action.SIGN_IN: tuple(SignInOutcome),
    Action.LOOK_UP: tuple(LookUpOutcome),
    Action.EXPORT: tuple(ExportOutcome),
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
class Reason:
    """Why an agent acts for a viewer. It goes into the ledger, so it must hold no PIN.

    Args:
        text: one of the short list, and what the agent wrote.
        ticket: the number of the case, if there is one.
    """

    text: str
    ticket: str | None = None


class Role(StrEnum):
    """What an agent may do: find, link and unlink; a supervisor also reads and exports everybody's history."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"


class SessionKind(StrEnum):
    """What a session is good for. One kind never opens a page of another."""

    VIEWER = "viewer"
    AGENT = "agent"
    # Somebody who gave an agent's password and still owes the second factor.
    HALF_AGENT = "half_agent"


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
