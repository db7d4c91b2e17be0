"""The actor of this request, for the ledger."""

from flask import g, request

from portal.domain.actors import Actor, ActorKind


def request_actor(kind: ActorKind, actor_id: str = "") -> Actor:
    """Return the actor with the address and the id of this request; without an id it is not known yet who acts."""
    return Actor(kind, actor_id, request.remote_addr or "", g.request_id)
