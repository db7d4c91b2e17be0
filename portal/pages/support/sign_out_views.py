"""Signing a viewer out everywhere for them."""

from flask import Blueprint, Response

from portal.domain.outcomes import LookUpOutcome
from portal.pages.auth.guards import agent_required
from portal.pages.identity import draft
from portal.pages.identity.agent import Agent
from portal.pages.support.forms import SignViewerOutForm
from portal.pages.support.viewer_summary import ViewerSummary
from portal.pages.support.views import VIEWER, with_look_up, with_viewer
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import render_page, see_other, status_of
from portal.services import services
from portal.viewers.directory import LookUpResult, Viewer

bp = Blueprint("support_sign_out", __name__)


@bp.get(f"{VIEWER}/sign-out")
@agent_required
@with_viewer
def sign_viewer_out(agent: Agent, viewer: Viewer) -> Response:
    return _page(ViewerSummary.of(viewer), SignViewerOutForm(formdata=None, data=draft.read(agent)))


@bp.post(f"{VIEWER}/sign-out")
@agent_required
@with_look_up
def send_sign_out(agent: Agent, look_up: LookUpResult, consumer_id: str) -> Response:
    form = SignViewerOutForm()
    summary = ViewerSummary.of(look_up.viewer) if look_up.viewer else form.summary(consumer_id)
    if look_up.outcome is LookUpOutcome.TOO_MANY:
        return _page(summary, form, look_up.outcome, look_up.retry_after)
    if not form.validate():
        return _page(summary, form, "invalid")
    # The sessions are ours, so this works while Zype does not.
    services().sign_out.viewer(consumer_id, agent.actor, form.reason_to_record)
    response = see_other(summary.path)
    draft.forget(response)
    return response


# Zype is not asked for a form that may not be the agent's.
@on_stale_form("support_sign_out.send_sign_out")
@agent_required
def sign_viewer_out_again(_: Agent, consumer_id: str) -> Response:
    form = SignViewerOutForm()
    return _page(form.summary(consumer_id), form, "stale")


def _page(
    summary: ViewerSummary, form: SignViewerOutForm, problem: str | None = None, retry_after: int | None = None
) -> Response:
    return render_page(
        "support/sign_viewer_out.html",
        status_of(problem),
        retry_after=retry_after,
        summary=summary,
        form=form,
        problem=problem,
    )
