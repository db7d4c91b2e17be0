"""A viewer's own TVs: listed, named and unlinked. Zype says each time which TVs are theirs; no form does."""

import re
from collections.abc import Callable, Sequence
from functools import wraps

from flask import Blueprint, Response, request

from portal.domain.outcomes import UnlinkOutcome
from portal.pages.auth.guards import viewer_required
from portal.pages.devices.forms import NameTVForm
from portal.pages.identity import viewer as identity
from portal.pages.identity.viewer import Flash, Viewer
from portal.pages.web.error_pages import RETRY_SECONDS
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import render_page, see_other, status_of
from portal.services import services
from portal.viewers.directory import LinkedTV
from portal.zype.errors import ZypeError
from portal.zype.outcomes import outcome_of_failed_read, retry_seconds

bp = Blueprint("devices", __name__)

HANDLE = re.compile("[0-9a-f]{32}")


def with_tv(view: Callable[[Viewer, LinkedTV], Response]) -> Callable[..., Response]:
    """Pass the signed-in viewer and their TV of the path to a view; without such a TV, say so."""

    @viewer_required
    @wraps(view)
    def guarded(viewer: Viewer, device: str) -> Response:
        # Zype is not asked for what can't be a handle.
        tv = services().directory.tv(viewer.consumer_id, device) if HANDLE.fullmatch(device) else None
        return view(viewer, tv) if tv else render_page("devices/no_such_tv.html", 404, failed=False)

    return guarded


@bp.get("/devices")
@viewer_required
def list_tvs(viewer: Viewer) -> Response:
    tvs = services().directory.tvs(viewer.consumer_id)
    return _list_page(tvs, flash=identity.take_flash())


@bp.get("/devices/<device>/name")
@with_tv
def edit_name(viewer: Viewer, tv: LinkedTV) -> Response:
    typed = identity.take_tv_name(request.path)
    return _name_page(viewer, tv, NameTVForm(formdata=None, name=tv.name if typed is None else typed))


@bp.post("/devices/<device>/name")
# A form of its own, so that the Enter key in the other one presses none of the suggestions.
@bp.post("/devices/<device>/suggested-name")
@with_tv
def name_tv(viewer: Viewer, tv: LinkedTV) -> Response:
    form = NameTVForm()
    if not form.validate():
        return _name_page(viewer, tv, form, problem="invalid")
    services().preferences.name_tv(viewer.consumer_id, tv.linked_device_id, form.name.data or "")
    identity.leave_flash(Flash.NAMED)
    return see_other("/devices")


@bp.get("/devices/<device>/unlink")
@with_tv
def confirm_unlink(_: Viewer, tv: LinkedTV) -> Response:
    return _confirm_page(tv)


@bp.post("/devices/<device>/unlink")
@with_tv
def unlink_tv(viewer: Viewer, tv: LinkedTV) -> Response:
    outcome = services().unlinking.unlink(tv.linked_device_id, viewer.consumer_id, viewer.actor)
    if outcome is not UnlinkOutcome.UNLINKED:
        return _confirm_page(tv, problem=outcome)
    identity.leave_flash(Flash.UNLINKED)
    return see_other("/devices")


@bp.errorhandler(ZypeError)
def zype_failed(error: ZypeError) -> Response:
    """Return the page for when Zype can't be asked for the viewer's TVs: nothing was changed yet."""
    outcome_of_failed_read(error)
    return _list_page(None, retry_after=retry_seconds(error))


@on_stale_form("devices.name_tv")
@with_tv
def name_tv_again(viewer: Viewer, tv: LinkedTV) -> Response:
    return _name_page(viewer, tv, NameTVForm(), problem="stale")


@on_stale_form("devices.unlink_tv")
@with_tv
def confirm_unlink_again(_: Viewer, tv: LinkedTV) -> Response:
    return _confirm_page(tv, problem="stale")


def _list_page(tvs: Sequence[LinkedTV] | None, *, flash: str | None = None, retry_after: int | None = None) -> Response:
    """Return the page with the viewer's TVs; with none, it says that they can't be shown now."""
    status = 503 if tvs is None else 200
    return render_page("devices/list_tvs.html", status, retry_after=retry_after, tvs=tvs, flash=flash)


def _name_page(viewer: Viewer, tv: LinkedTV, form: NameTVForm, problem: str | None = None) -> Response:
    names = services().preferences.tv_names(viewer.consumer_id).values()
    return render_page("devices/name_tv.html", status_of(problem), tv=tv, form=form, names=names, problem=problem)


def _confirm_page(tv: LinkedTV, problem: str | None = None) -> Response:
    status = status_of(problem)
    retry_after = RETRY_SECONDS if status == 503 else None
    return render_page("devices/confirm_unlink.html", status, retry_after=retry_after, tv=tv, problem=problem)
