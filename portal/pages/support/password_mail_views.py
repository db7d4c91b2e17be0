"""Having Zype send a viewer its mail to set a new password."""

from flask import Blueprint, Response, abort

from portal.domain.outcomes import LookUpOutcome, PasswordMailOutcome
from portal.pages.auth.guards import agent_required
from portal.pages.identity import draft
from portal.pages.identity.agent import Agent
from portal.pages.support import actions
from portal.pages.support.forms import PasswordMailForm
from portal.pages.support.viewer_summary import ViewerSummary
from portal.pages.support.views import VIEWER, with_look_up, with_viewer
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import render_page, see_other, status_of
from portal.services import services
from portal.viewers.directory import LookUpResult, Viewer

bp = Blueprint("support_password_mail", __name__)


@bp.get(f"{VIEWER}/password-mail")
@agent_required
@with_viewer
def password_mail(agent: Agent, viewer: Viewer) -> Response:
    _refuse_unless(has_email=bool(viewer.consumer.email))
    return _page(ViewerSummary.of(viewer), PasswordMailForm(formdata=None, data=draft.read(agent)))


@bp.post(f"{VIEWER}/password-mail")
@agent_required
@with_look_up
def send_password_mail(agent: Agent, look_up: LookUpResult, consumer_id: str) -> Response:
    form = PasswordMailForm()
    if look_up.viewer is None:
        _refuse_unless(has_email=True)
        problem = look_up.outcome if look_up.outcome is LookUpOutcome.TOO_MANY else PasswordMailOutcome.UNAVAILABLE
        return _page(form.summary(consumer_id), form, problem, look_up.retry_after)
    email, summary = look_up.viewer.consumer.email, ViewerSummary.of(look_up.viewer)
    _refuse_unless(has_email=bool(email))
    if not form.validate():
        return _page(summary, form, "invalid")
    result = actions.send_password_mail(email or "", consumer_id, agent, form.reason_to_record)
    if result.outcome is not PasswordMailOutcome.SENT:
        return _page(summary, form, result.outcome, result.retry_after)
    response = see_other(summary.path)
    draft.forget(response)
    return response


# Zype is not asked for a form that may not be the agent's.
@on_stale_form("support_password_mail.send_password_mail")
@agent_required
def send_password_mail_again(_: Agent, consumer_id: str) -> Response:
    form = PasswordMailForm()
    summary = form.summary(consumer_id)
    _refuse_unless(has_email=bool(summary.email))
    return _page(summary, form, "stale")


def _refuse_unless(*, has_email: bool) -> None:
    """Refuse what the viewer's page does not show a button for."""
    if not (has_email and services().settings.sends_password_mails):
        abort(404)


def _page(
    summary: ViewerSummary, form: PasswordMailForm, problem: str | None = None, retry_after: int | None = None
) -> Response:
    return render_page(
        "support/password_mail.html",
        status_of(problem),
        retry_after=retry_after,
        summary=summary,
        form=form,
        problem=problem,
    )
