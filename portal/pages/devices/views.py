"""A viewer's own TVs: listed, named and unlinked. Whose a TV is, Zype is asked each time, and never a form."""

import re
from collections.abc import Sequence

import structlog
from flask import Blueprint, Response

from portal.domain.outcomes import UnlinkOutcome
from portal.pages.auth.guards import viewer_required
from portal.pages.devices.forms import NameTVForm
from portal.pages.identity import viewer as identity
from portal.pages.identity.viewer import Note, Viewer
from portal.pages.web.error_pages import RETRY_SECONDS
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import render_page, see_other
from portal.services import services
from portal.viewers.directory import LinkedTV
from portal.zype.errors import ZypeError
from portal.zype.outcomes import outcome_of_failed_read, retry_seconds

bp = Blueprint("devices", __name__)
log = structlog.get_logger("portal.devices")

HANDLE = re.compile("[0-9a-f]{32}")
STALE = "stale"
UNLINK_STATUSES: dict[str, int] = {
    UnlinkOutcome.GONE: 422,
    UnlinkOutcome.UNAVAILABLE: 503,
    UnlinkOutcome.UNKNOWN: 503,
    UnlinkOutcome.MISCONFIGURED: 503,
    STALE: 422,
}


@bp.get("/devices")
@viewer_required
def list_tvs(viewer: Viewer) -> Response:
    tvs = services().directory.tvs(viewer.consumer_id)
    return _list_page(tvs, note=identity.take_note())


@bp.post("/devices/<device>/name")
@viewer_required
def name_tv(viewer: Viewer, device: str) -> Response:
    tv = _find(viewer, device)
    if tv is None:
        return _no_such_tv()
    form = NameTVForm()
    if not form.validate():
        return _name_page(tv, form)
    services().records.name_tv(viewer.consumer_id, tv.linked_device_id, form.name.data or "")
    identity.leave_note(Note.NAMED)
    return see_other("/devices")


@bp.get("/devices/<device>/unlink")
@viewer_required
def confirm_unlink(viewer: Viewer, device: str) -> Response:
    tv = _find(viewer, device)
    return _confirm_page(tv) if tv else _no_such_tv()


@bp.post("/devices/<device>/unlink")
@viewer_required
def unlink_tv(viewer: Viewer, device: str) -> Response:
    tv = _find(viewer, device)
    if tv is None:
        return _no_such_tv()
    outcome = services().unlinking.unlink(tv.linked_device_id, viewer.consumer_id, viewer.actor)
    if outcome is not UnlinkOutcome.UNLINKED:
        return _confirm_page(tv, problem=outcome)
    identity.leave_note(Note.UNLINKED)
    return see_other("/devices")


@bp.errorhandler(ZypeError)
def zype_failed(error: ZypeError) -> Response:
    """Return the page for a Zype that does not say which TVs are the viewer's: nothing was changed yet."""
    outcome_of_failed_read(error)
    return _list_page(None, retry_after=retry_seconds(error))


@on_stale_form("devices.name_tv")
@viewer_required
def name_tv_again(viewer: Viewer, device: str) -> Response:
    tv = _find(viewer, device)
    return _name_page(tv, NameTVForm(), stale=True) if tv else _no_such_tv()


@on_stale_form("devices.unlink_tv")
@viewer_required
def confirm_unlink_again(viewer: Viewer, device: str) -> Response:
    tv = _find(viewer, device)
    return _confirm_page(tv, problem=STALE) if tv else _no_such_tv()


def _find(viewer: Viewer, device: str) -> LinkedTV | None:
    """Return the viewer's TV that a handle stands for; what can't be a handle is not asked about."""
    return services().directory.tv(viewer.consumer_id, device) if HANDLE.fullmatch(device) else None


def _list_page(tvs: Sequence[LinkedTV] | None, *, note: str | None = None, retry_after: int | None = None) -> Response:
    """Return the page with the viewer's TVs, or the one that says that they can't be shown now."""
    status = 503 if tvs is None else 200
    return render_page("devices/list_tvs.html", status, retry_after=retry_after, tvs=tvs, note=note)


def _name_page(tv: LinkedTV, form: NameTVForm, *, stale: bool = False) -> Response:
    return render_page("devices/name_tv.html", 422, tv=tv, form=form, stale=stale)


def _confirm_page(tv: LinkedTV, problem: str | None = None) -> Response:
    status = UNLINK_STATUSES[problem] if problem else 200
    retry_after = RETRY_SECONDS if status == 503 else None
    return render_page("devices/confirm_unlink.html", status, retry_after=retry_after, tv=tv, problem=problem)


def _no_such_tv() -> Response:
    return render_page("devices/no_such_tv.html", 404, failed=False)
