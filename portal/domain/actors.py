"""Actors, their roles, and the kinds of sessions."""

from dataclasses import dataclass
from enum import StrEnum


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
        id: a viewer's consumer_id, an agent's id, or the operator's name on their machine.
        address: the client's address as text, IPv4 or IPv6; hashed before it is stored.
        request_id: the id of the HTTP request, to join the ledger to the logs.
    """

    kind: ActorKind
    id: str
    address: str
    request_id: str


# The operator at the command line, where nothing tells who of them it is.
OPERATOR = Actor(ActorKind.OPERATOR, "command line", "", "command-line")


@dataclass(frozen=True)
class Reason:
    """Why an agent acts, and the ticket number if there is one. The ledger stores it, so it must not contain a PIN."""

    text: str
    ticket: str | None = None


class Role(StrEnum):
    """What an agent may do: find, link and unlink; a supervisor also reads and exports the history of all."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"


class SessionKind(StrEnum):
    """Who a session belongs to. No kind opens a page of another."""

    VIEWER = "viewer"
    AGENT = "agent"
    # The password of an agent was right; the second factor is still missing.
    PENDING_AGENT = "half_agent"
