"""Finding the viewer whom an agent helps, and the page about them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from itertools import takewhile
from typing import Concatenate, ParamSpec

from flask import Blueprint, Response, request

from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, ChangeOutcome, LookUpOutcome, PasswordMailOutcome, UnlinkOutcome
from portal.ledger.attempts import PastAttempt
from portal.ledger.history import AttemptPage
from portal.pages.auth.guards import agent_required
from portal.pages.identity import draft
from portal.pages.identity.agent import Agent
from portal.pages.support import actions
from portal.pages.support.forms import FindViewerForm
from portal.pages.support.viewer_summary import ViewerSummary, viewer_path
from portal.pages.web.forms import as_typed, on_stale_form
from portal.pages.web.origins import CONSOLE
from portal.pages.web.responses import render_page, see_other, status_of
from portal.services import services
from portal.viewers.directory import LookUpResult, Viewer

P = ParamSpec("P")

bp = Blueprint("support", __name__)

VIEWER = f"{CONSOLE}/viewers/<consumer_id>"
MAX_ATTEMPTS = 10
# For this long the page shows that the viewer reported a PIN that somebody sent.
REPORT_SHOWN = timedelta(days=30)
# What is no older than this is what the agent has just done.
JUST_NOW = timedelta(minutes=1)
NO_VIEWER = (LookUpOutcome.NOT_FOUND, LookUpOutcome.MALFORMED)


def with_viewer(view: Callable[Concatenate[Agent, Viewer, P], Response]) -> Callable[..., Response]:
    """Pass the viewer of the path to a view, who was found recently. Otherwise show the page to find one.

    That page says why there is none, or has the id of the path in its field: only its button looks a viewer up.
    """

    @wraps(view)
    def guarded(agent: Agent, consumer_id: str, *args: P.args, **kwargs: P.kwargs) -> Response:
        look_up = actions.reopen_viewer(consumer_id, agent)
        if look_up is None:
            return _find_page(FindViewerForm(formdata=None, who=consumer_id), is_unopened=True)
        return view(agent, look_up.viewer, *args, **kwargs) if look_up.viewer else no_viewer_page(look_up)

    return guarded


def with_look_up(view: Callable[..., Response]) -> Callable[..., Response]:
    """Pass the look-up of the viewer of the path to a view that answers a form. Without such a viewer, say so."""

    @wraps(view)
    def guarded(agent: Agent, consumer_id: str, **kwargs: str) -> Response:
        look_up = actions.open_viewer(consumer_id, agent)
        if look_up.outcome in NO_VIEWER:
            return no_viewer_page(look_up)
        # The id goes along, because Zype may be out of reach now.
        return view(agent, look_up, consumer_id, **kwargs)

    return guarded


@bp.get(CONSOLE)
@agent_required
def find_viewer(agent: Agent) -> Response:
    return _find_page(FindViewerForm(formdata=None, data=draft.read(agent)))


@bp.post(CONSOLE)
@agent_required
def look_up_viewer(agent: Agent) -> Response:
    form = FindViewerForm()
    if not form.validate():
        return _find_page(form, "empty")
    look_up = actions.find(as_typed(form.who), agent)
    if look_up.viewer is None:
        return _find_page(form, look_up.outcome, look_up.retry_after)
    response = see_other(viewer_path(look_up.viewer.consumer.id))
    draft.forget_of_page(response, agent)
    return response


@on_stale_form("support.look_up_viewer")
@agent_required
def find_viewer_again(agent: Agent) -> Response:
    return _find_page(FindViewerForm(), "stale")


@bp.get(VIEWER)
@agent_required
@with_viewer
def viewer(agent: Agent, viewer: Viewer) -> Response:
    return viewer_page(agent, viewer)


def no_viewer_page(look_up: LookUpResult) -> Response:
    """Return the page to find a viewer, which says why the one of the path can't be shown."""
    return _find_page(FindViewerForm(formdata=None), look_up.outcome, look_up.retry_after)


def viewer_page(agent: Agent, viewer: Viewer, *, status: int = 200) -> Response:
    """Return the page about a viewer; with a status of 404, the TV of the path was not theirs."""
    activity = services().history.activity(viewer.consumer.id, MAX_ATTEMPTS)
    return render_page(
        "support/viewer.html",
        status,
        viewer=viewer,
        summary=ViewerSummary.of(viewer),
        since=_parse_time(viewer.consumer.created_at),
        activity=activity,
        reports=services().history.reports(viewer.consumer.id, REPORT_SHOWN, limit=1),
        just_unlinked=_just_did(agent, activity, Action.UNLINK, UnlinkOutcome.UNLINKED),
        can_mail_password=bool(viewer.consumer.email and services().settings.sends_password_mails),
        just_mailed=_just_did(agent, activity, Action.FORGOTTEN_PASSWORD, PasswordMailOutcome.SENT),
        just_signed_out=_just_did(agent, activity, Action.SIGN_OUT_EVERYWHERE, ChangeOutcome.DONE),
    )


def _find_page(
    form: FindViewerForm,
    problem: str | None = None,
    retry_after: int | None = None,
    *,
    is_unopened: bool = False,
) -> Response:
    is_by_path = request.endpoint != "support.look_up_viewer"
    return render_page(
        "support/find_viewer.html",
        404 if is_by_path and problem in NO_VIEWER else status_of(problem),
        retry_after=retry_after,
        form=form,
        problem=problem,
        is_by_path=is_by_path,
        is_unopened=is_unopened,
    )


def _just_did(agent: Agent, activity: AttemptPage, action: Action, outcome: str) -> int:
    """Return how often this agent has just done something, with no other attempt on the account since."""

    def is_it(attempt: PastAttempt) -> bool:
        is_done = (attempt.action, attempt.outcome) == (action, outcome)
        is_own = (attempt.actor_kind, attempt.actor_id) == (ActorKind.AGENT, agent.id)
        is_recent = attempt.ended_at is not None and activity.now - attempt.ended_at < JUST_NOW
        return is_done and is_own and is_recent

    return len(list(takewhile(is_it, activity.attempts)))


def _parse_time(text: str | None) -> datetime | None:
    """Return a time as Zype writes it; none if the text is no time."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
