"""Who may see a page, and the page that asks everybody else to sign in."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from flask import Response

from portal.domain.errors import NotAllowed, NotSignedIn, StaffNotSignedIn
from portal.pages.auth.forms import SignInForm
from portal.pages.identity import pin_cookie
from portal.pages.identity.agent import Agent, current_agent
from portal.pages.identity.viewer import Viewer, current_viewer
from portal.pages.web.responses import render_page
from portal.services import services

P = ParamSpec("P")

HOME = "/activate"
# Where a sign-in may lead. Anything else that a form or a link says is ignored.
NEXT_PATHS = (HOME, "/devices")


def viewer_required(
    view: Callable[Concatenate[Viewer, P], Response],
) -> Callable[P, Response]:
    """Hand the signed-in viewer to a view as its first argument.

    Raises:
        NotSignedIn: from the view that comes out, if nobody is signed in.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        viewer = current_viewer()
        if viewer is None:
            raise NotSignedIn("no session")
        return view(viewer, *args, **kwargs)

    return guarded


def agent_required(view: Callable[Concatenate[Agent, P], Response]) -> Callable[P, Response]:
    """Hand the signed-in agent to a view as its first argument.

    Raises:
        StaffNotSignedIn: from the view that comes out, if no agent is signed in.
    """
    return _for_agents(view, lambda agent: None)


def supervisor_required(view: Callable[Concatenate[Agent, P], Response]) -> Callable[P, Response]:
    """Hand the signed-in supervisor to a view. Raises as ``agent_required``, and NotAllowed for any other agent."""
    return _for_agents(view, lambda agent: None if agent.is_supervisor else NotAllowed("for supervisors"))


def fresh_agent_required(view: Callable[Concatenate[Agent, P], Response]) -> Callable[P, Response]:
    """Hand an agent who signed in a moment ago to a view. Raises StaffNotSignedIn for an older sign-in too."""
    return _for_agents(view, lambda agent: None if agent.is_fresh else StaffNotSignedIn(reauthenticate=True))


def _for_agents(
    view: Callable[Concatenate[Agent, P], Response], refuse: Callable[[Agent], Exception | None]
) -> Callable[P, Response]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        agent = current_agent()
        if agent is None:
            raise StaffNotSignedIn
        refusal = refuse(agent)
        if refusal:
            raise refusal
        return view(agent, *args, **kwargs)

    return guarded


def known_path(path: str | None) -> str:
    """Return where to go on after sign-in: a path of ours, or the first page."""
    return path if path in NEXT_PATHS else HOME


def sign_in_page(
    form: SignInForm | None = None,
    *,
    next_path: str = HOME,
    problem: str | None = None,
    retry_after: int | None = None,
    status: int = 200,
) -> Response:
    """Return the page that shows the ways to sign in.

    Args:
        form: as it was sent, if it was; the password is never shown again.
        next_path: where to go on afterwards.
        problem: a SignInOutcome that is not success, ``cancelled``, ``stale`` or ``signed_out_everywhere``.
        retry_after: seconds until trying again may help.
        status: of the answer; from 400 on the page counts as a form that failed.
    """
    providers = services().settings.sign_in
    return render_page(
        "auth/sign_in.html",
        status,
        retry_after=retry_after,
        form=(form or SignInForm(formdata=None)) if "password" in providers else None,
        providers=providers,
        next=next_path,
        problem=problem,
        pin_kept=pin_cookie.read() is not None,
    )
