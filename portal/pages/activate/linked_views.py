"""What follows a link: the page that confirms it, Undo, and the report of a PIN that somebody else sent."""

from flask import Blueprint, Response

from portal.domain.outcomes import UnlinkOutcome
from portal.pages.activate.forms import ReportForm, UndoForm
from portal.pages.auth.guards import viewer_required
from portal.pages.identity import pin_cookie
from portal.pages.identity import viewer as identity
from portal.pages.identity.viewer import Flash, Viewer
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import render_page, see_other, status_of
from portal.services import services

bp = Blueprint("activate_linked", __name__)


@bp.get("/activate/done")
@viewer_required
def done(viewer: Viewer) -> Response:
    return _done_page(viewer, is_reported=identity.take_flash() == Flash.REPORTED)


@bp.post("/activate/undo")
@viewer_required
def undo(viewer: Viewer) -> Response:
    attempt_id = UndoForm().attempt_id
    outcome = services().unlinking.undo(attempt_id, viewer.consumer_id, viewer.actor)
    if outcome is UnlinkOutcome.UNLINKED:
        identity.remember_link(attempt_id)
        return see_other("/activate/done")
    return _done_page(viewer, problem=outcome)


@bp.post("/activate/report")
@viewer_required
def report_pin(viewer: Viewer) -> Response:
    form = ReportForm()
    # Another tab may have linked the PIN of the comparison meanwhile.
    is_linked = form.reported.data and form.reported.data == identity.last_link_shown()
    attempt_id = identity.last_link() if is_linked else form.attempt_id
    return _report_link(viewer, attempt_id) if attempt_id else _report_pin(viewer, form.reported.data)


@on_stale_form("activate_linked.undo")
@viewer_required
def undo_again(viewer: Viewer) -> Response:
    return _done_page(viewer, problem="stale")


@on_stale_form("activate_linked.report_pin")
@viewer_required
def report_again(viewer: Viewer) -> Response:
    is_linked = not ReportForm().reported.data and identity.last_link()
    return _done_page(viewer, problem="stale") if is_linked else see_other("/activate/compare")


def _report_link(viewer: Viewer, attempt_id: str) -> Response:
    outcome = services().reports.report_link(attempt_id, viewer.consumer_id, viewer.actor)
    if outcome is not UnlinkOutcome.UNLINKED:
        return _done_page(viewer, problem=outcome, is_reported=True)
    identity.remember_link(attempt_id)
    identity.leave_flash(Flash.REPORTED)
    return see_other("/activate/done")


def _report_pin(viewer: Viewer, handle: str | None) -> Response:
    response = see_other("/activate")
    pin = pin_cookie.read()
    if pin and handle and handle != pin_cookie.handle(pin):
        # The one that was shown is gone, and another tab has brought this one.
        pin = None
    services().reports.report_pin(pin, viewer.consumer_id, viewer.actor)
    if pin:
        pin_cookie.forget(response)
    identity.leave_flash(Flash.REPORTED)
    return response


def _done_page(viewer: Viewer, problem: str | None = None, *, is_reported: bool = False) -> Response:
    attempt_id = identity.last_link()
    link = services().unlinking.recent_link(attempt_id, viewer.consumer_id) if attempt_id else None
    if link is None:
        return see_other("/activate")
    device = link.linked_device_id
    names = services().preferences.tv_names(viewer.consumer_id)
    typed = identity.take_tv_name("/activate/done")
    return render_page(
        "activate/done.html",
        status_of(problem),
        form=UndoForm(formdata=None, attempt=attempt_id),
        link=link,
        handle=services().directory.handle(viewer.consumer_id, device) if device else None,
        name=names.get(device or "") if typed is None else typed,
        names=names.values(),
        problem=problem,
        is_reported=is_reported,
    )
