"""Guards: decorators that hand the signed-in viewer or agent to a view, and refuse everybody else."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from flask import Response

from portal.domain.errors import NotAllowed, NotSignedIn, PasswordChangeRequired, StaffNotSignedIn
from portal.pages.identity.agent import Agent, current_agent
from portal.pages.identity.viewer import Viewer, current_viewer

P = ParamSpec("P")
Principal = TypeVar("Principal")


def _guard(
    find: Callable[[], Principal],
) -> Callable[[Callable[Concatenate[Principal, P], Response]], Callable[P, Response]]:
    """Return the decorator that passes whom a function finds to a view, as its first argument."""

    def decorator(view: Callable[Concatenate[Principal, P], Response]) -> Callable[P, Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            return view(find(), *args, **kwargs)

        return guarded

    return decorator


def _viewer() -> Viewer:
    viewer = current_viewer()
    if viewer is None:
        raise NotSignedIn("no session")
    return viewer


def _agent_with_any_password() -> Agent:
    agent = current_agent()
    if agent is None:
        raise StaffNotSignedIn
    return agent


def _agent() -> Agent:
    agent = _agent_with_any_password()
    if agent.has_to_change_password:
        raise PasswordChangeRequired("it was generated")
    return agent


def _supervisor() -> Agent:
    agent = _agent()
    if not agent.is_supervisor:
        raise NotAllowed("for supervisors")
    return agent


def _fresh_agent() -> Agent:
    return _fresh(_agent())


def _fresh_supervisor() -> Agent:
    return _fresh(_supervisor())


def _fresh(agent: Agent) -> Agent:
    if not agent.is_fresh:
        raise StaffNotSignedIn(reauthenticate=True)
    return agent


# Without a viewer a view raises NotSignedIn; without an agent, or one who signed in a few minutes ago where that is
# required, StaffNotSignedIn; for an agent who is no supervisor, NotAllowed; and PasswordChangeRequired.
viewer_required = _guard(_viewer)
agent_required = _guard(_agent)
# For what an agent needs who has to change their password first.
agent_with_any_password_required = _guard(_agent_with_any_password)
supervisor_required = _guard(_supervisor)
fresh_agent_required = _guard(_fresh_agent)
fresh_supervisor_required = _guard(_fresh_supervisor)
