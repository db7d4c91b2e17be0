"""Guards: decorators that hand the signed-in viewer or agent to a view, and refuse everybody else."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from flask import Response

from portal.domain.errors import NotAllowed, NotSignedIn, StaffNotSignedIn
from portal.pages.identity.agent import Agent, current_agent
from portal.pages.identity.viewer import Viewer, current_viewer

P = ParamSpec("P")
Principal = TypeVar("Principal")


def viewer_required(view: Callable[Concatenate[Viewer, P], Response]) -> Callable[P, Response]:
    """Pass the signed-in viewer to a view as its first argument. The view raises NotSignedIn without one."""
    return _guard(view, _viewer)


def agent_required(view: Callable[Concatenate[Agent, P], Response]) -> Callable[P, Response]:
    """Pass the signed-in agent to a view as its first argument. The view raises StaffNotSignedIn without one."""
    return _guard(view, _agent)


def supervisor_required(view: Callable[Concatenate[Agent, P], Response]) -> Callable[P, Response]:
    """Pass the signed-in supervisor to a view. Raises as ``agent_required``, and NotAllowed for any other agent."""
    return _guard(view, _supervisor)


def fresh_agent_required(view: Callable[Concatenate[Agent, P], Response]) -> Callable[P, Response]:
    """Pass an agent who signed in a few minutes ago to a view. Raises StaffNotSignedIn for an older sign-in too."""
    return _guard(view, _fresh_agent)


def _guard(
    view: Callable[Concatenate[Principal, P], Response], required: Callable[[], Principal]
) -> Callable[P, Response]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        return view(required(), *args, **kwargs)

    return guarded


def _viewer() -> Viewer:
    viewer = current_viewer()
    if viewer is None:
        raise NotSignedIn("no session")
    return viewer


def _agent() -> Agent:
    agent = current_agent()
    if agent is None:
        raise StaffNotSignedIn
    return agent


def _supervisor() -> Agent:
    agent = _agent()
    if not agent.is_supervisor:
        raise NotAllowed("for supervisors")
    return agent


def _fresh_agent() -> Agent:
    agent = _agent()
    if not agent.is_fresh:
        raise StaffNotSignedIn(reauthenticate=True)
    return agent
