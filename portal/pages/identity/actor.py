"""The actor of this request, for the ledger."""

from flask import request

from portal.domain.actors import Actor, ActorKind

# Of the id of the request, in its environ.
REQUEST_ID = "portal.request_id"


def request_actor(kind: ActorKind, actor_id: str = "") -> Actor:
    """Return the actor with the address and the id of this request; without an id it is not known yet who acts."""
    environ = request.environ
    return Actor(kind, actor_id, environ.get("REMOTE_ADDR", ""), environ[REQUEST_ID])
