"""A viewer's own TVs: listed, named and unlinked. Whose a TV is, Zype is asked each time, and never a form."""

import re
from collections.abc import Sequence
from math import ceil

import structlog
from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError

from portal.domain.outcomes import UnlinkOutcome
from portal.pages.auth.guards import viewer_required
from portal.pages.devices.forms import NameTVForm
from portal.pages.identity import viewer as identity
from portal.pages.identity.viewer import Note, Viewer, current_viewer
from portal.pages.web.error_pages import RETRY_SECONDS, database_failed
from portal.pages.web.waiting_time import in_words
from portal.services import services
from portal.viewers.directory import DEFAULT_RETRY_SECONDS, LinkedTV
from portal.zype.errors import Misconfigured, ZypeError

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
    return _go("/devices")


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
    return _go("/devices")


@bp.errorhandler(ZypeError)
def zype_failed(error: ZypeError) -> Response:
    """Return the page for a Zype that does not say which TVs are the viewer's: nothing was changed yet."""
    if isinstance(error, Misconfigured):
        log.error("zype_refused_our_key", error=str(error))
    else:
        log.warning("zype_could_not_be_asked", error=str(error))
    return _list_page(None, retry_after=ceil(error.retry_after or DEFAULT_RETRY_SECONDS))


@bp.errorhandler(CSRFError)
def ask_again(_: CSRFError) -> Response:
    """Show the page again, with what was typed still in it."""
    try:
        return _show_again()
    except ZypeError as error:
        # What an error handler raises gets to no other handler.
        return zype_failed(error)
    except SQLAlchemyError as error:
        return database_failed(error)


def _show_again() -> Response:
    viewer = current_viewer()
    if viewer is None:
        # No form is made here: if another site sent this, its token would take the place of the viewer's.
        return _go("/sign-in?next=/devices")
    tv = _find(viewer, (request.view_args or {})["device"])
    if tv is None:
        return _no_such_tv()
    if request.endpoint == "devices.name_tv":
        return _name_page(tv, NameTVForm(), stale=True)
    return _confirm_page(tv, problem=STALE)


def _find(viewer: Viewer, device: str) -> LinkedTV | None:
    """Return the viewer's TV that a handle stands for; what can't be a handle is not asked about."""
    return services().directory.tv(viewer.consumer_id, device) if HANDLE.fullmatch(device) else None


def _list_page(tvs: Sequence[LinkedTV] | None, *, note: str | None = None, retry_after: int | None = None) -> Response:
    """Return the page with the viewer's TVs, or the one that says that they can't be shown now."""
    page = render_template("devices/list_tvs.html", tvs=tvs, note=note, wait=in_words(retry_after), failed=tvs is None)
    response = make_response(page, 503 if tvs is None else 200)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _name_page(tv: LinkedTV, form: NameTVForm, *, stale: bool = False) -> Response:
    page = render_template("devices/name_tv.html", tv=tv, form=form, stale=stale, failed=True)
    return make_response(page, 422)


def _confirm_page(tv: LinkedTV, problem: str | None = None) -> Response:
    status = UNLINK_STATUSES[problem] if problem else 200
    page = render_template("devices/confirm_unlink.html", tv=tv, problem=problem, failed=problem is not None)
    response = make_response(page, status)
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _no_such_tv() -> Response:
    return make_response(render_template("devices/no_such_tv.html"), 404)


def _go(path: str) -> Response:
    return current_app.make_response(redirect(path, 303))
