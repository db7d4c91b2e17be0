"""Finding the one viewer who is on the telephone, and what an agent needs to know of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from itertools import takewhile
from typing import Concatenate, ParamSpec
from urllib.parse import quote

from flask import Blueprint, Response, request

from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, LookUpOutcome, UnlinkOutcome
from portal.ledger.attempts import PastAttempt
from portal.ledger.history import AttemptPage
from portal.pages.auth.guards import agent_required
from portal.pages.identity.agent import Agent
from portal.pages.support import calls as desk
from portal.pages.support.forms import FindViewerForm
from portal.pages.support.signed_state import caller_of
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import render_page, see_other
from portal.services import services
from portal.viewers.directory import LookUpResult, Viewer

P = ParamSpec("P")

bp = Blueprint("support", __name__)

HOME = "/support"
VIEWER = f"{HOME}/viewers/<consumer_id>"
MOST_ATTEMPTS = 10
# An unlink of this long ago is what the agent has just done.
JUST_NOW = timedelta(minutes=1)
STATUSES = {
    LookUpOutcome.NOT_FOUND: 422,
    LookUpOutcome.MALFORMED: 422,
    LookUpOutcome.TOO_MANY: 429,
    LookUpOutcome.UNAVAILABLE: 503,
    LookUpOutcome.MISCONFIGURED: 503,
}


def viewer_opened(
    view: Callable[Concatenate[Agent, Viewer, P], Response],
) -> Callable[..., Response]:
    """Hand the viewer of a path to a view; where there is none, the page to find one says why."""

    @wraps(view)
    def opened(agent: Agent, consumer_id: str, *args: P.args, **kwargs: P.kwargs) -> Response:
        look_up = desk.open_viewer(consumer_id, agent)
        if look_up.viewer is None:
            return not_opened(look_up)
        return view(agent, look_up.viewer, *args, **kwargs)

    return opened


@bp.get(HOME)
@agent_required
def find_viewer(agent: Agent) -> Response:
    return _find_page(FindViewerForm(formdata=None))


@bp.post(HOME)
@agent_required
def send_who(agent: Agent) -> Response:
    form = FindViewerForm()
    look_up = desk.find(form.typed, agent)
    if look_up.viewer is None:
        return _find_page(form, look_up, STATUSES[look_up.outcome])
    return see_other(viewer_path(look_up.viewer.consumer_id))


@bp.get(VIEWER)
@agent_required
@viewer_opened
def viewer(agent: Agent, viewer: Viewer) -> Response:
    return viewer_page(agent, viewer)


@on_stale_form("support.send_who")
@agent_required
def find_viewer_again(agent: Agent) -> Response:
    return _find_page(FindViewerForm(), status=422, stale=True)


def not_opened(look_up: LookUpResult) -> Response:
    """Return the page to find a viewer, which says why the one of the path can't be shown."""
    is_nobody = look_up.outcome in (LookUpOutcome.NOT_FOUND, LookUpOutcome.MALFORMED)
    return _find_page(FindViewerForm(formdata=None), look_up, 404 if is_nobody else STATUSES[look_up.outcome])


def viewer_page(agent: Agent, viewer: Viewer, *, status: int = 200) -> Response:
    """Return the page about a viewer; with a status of 404, the TV of the path was not theirs."""
    activity = services().history.activity(viewer.consumer_id, MOST_ATTEMPTS)
    return render_page(
        "support/viewer.html",
        status,
        viewer=viewer,
        who=caller_of(viewer),
        path=viewer_path(viewer.consumer_id),
        since=_moment(viewer.created_at),
        activity=activity,
        just_unlinked=_just_unlinked(agent, activity),
    )


def viewer_path(consumer_id: str) -> str:
    """Return the path of the page about a viewer."""
    return f"{HOME}/viewers/{quote(consumer_id, safe='')}"


def _find_page(
    form: FindViewerForm, look_up: LookUpResult | None = None, status: int = 200, *, stale: bool = False
) -> Response:
    return render_page(
        "support/find_viewer.html",
        status,
        retry_after=look_up.retry_after if look_up else None,
        form=form,
        outcome=look_up.outcome.value if look_up else None,
        is_by_path=request.endpoint != "support.send_who",
        stale=stale,
    )


def _just_unlinked(agent: Agent, activity: AttemptPage) -> int:
    """Return how many TVs this agent has just unlinked, with no other attempt on the account since."""

    def is_recent_unlink(attempt: PastAttempt) -> bool:
        is_unlinked = (attempt.action, attempt.outcome) == (Action.UNLINK, UnlinkOutcome.UNLINKED)
        is_own = (attempt.actor_kind, attempt.actor_id) == (ActorKind.AGENT, agent.id)
        is_recent = attempt.ended_at is not None and activity.now - attempt.ended_at < JUST_NOW
        return is_unlinked and is_own and is_recent

    return len(list(takewhile(is_recent_unlink, activity.attempts)))


def _moment(text: str | None) -> datetime | None:
    """Return a time as Zype writes it, or none where it is no time."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
