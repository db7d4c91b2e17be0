"""Who asks for a call to Zype, so that the client can give each a share of the calls in flight."""

from flask import has_request_context

from portal.domain.actors import Actor, ActorKind
from portal.pages.identity.actor import request_actor
from portal.pages.identity.agent import cached_agent
from portal.pages.identity.viewer import cached_viewer


def find_caller() -> Actor | None:
    """Return who makes this request, without an id unless a guard has found who is signed in; none outside a request.

    This can't fail: it looks nobody up.
    """
    if not has_request_context():
        return None
    principal = cached_agent() or cached_viewer()
    return principal.actor if principal else request_actor(ActorKind.VIEWER)
