"""Unlinking a viewer's TVs for them: one, or all of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response

from portal.domain.outcomes import LookUpOutcome, UnlinkOutcome
from portal.pages.auth.guards import agent_required, fresh_agent_required
from portal.pages.identity.agent import Agent
from portal.pages.support import calls as desk
from portal.pages.support.forms import ReasonForm, UnlinkAllForm, UnlinkTVForm
from portal.pages.support.signed_state import Caller, caller_of, opened_caller
from portal.pages.support.views import VIEWER, not_opened, viewer_opened, viewer_page, viewer_path
from portal.pages.web.error_pages import RETRY_SECONDS
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import render_page, see_other
from portal.viewers.directory import LinkedTV, Viewer

bp = Blueprint("support_unlinking", __name__)

# So long a page may take to unlink several TVs, one after the other; those that are left wait for the next time.
PATIENCE_SECONDS = 20
INVALID, STALE, SOME_GONE, SOME_LEFT = "invalid", "stale", "some_gone", "some_left"
STATUSES: dict[str, int] = {
    UnlinkOutcome.GONE: 422,
    UnlinkOutcome.UNAVAILABLE: 503,
    UnlinkOutcome.UNKNOWN: 503,
    UnlinkOutcome.MISCONFIGURED: 503,
    LookUpOutcome.TOO_MANY: 429,
    INVALID: 422,
    STALE: 422,
    SOME_GONE: 422,
    SOME_LEFT: 503,
}


@dataclass(frozen=True)
class Attempted:
    """What came of unlinking one TV of several.

    Args:
        outcome: none where the time was up before its turn.
    """

    tv: LinkedTV
    outcome: UnlinkOutcome | None


@bp.get(f"{VIEWER}/devices/<device>/unlink")
@agent_required
@viewer_opened
def unlink_tv(agent: Agent, viewer: Viewer, device: str) -> Response:
    tv = _find(viewer, device)
    if tv is None:
        return viewer_page(agent, viewer, status=404)
    return _unlink_page(caller_of(viewer), UnlinkTVForm(formdata=None), device, tv)


@bp.post(f"{VIEWER}/devices/<device>/unlink")
@agent_required
def send_unlink(agent: Agent, consumer_id: str, device: str) -> Response:
    form = UnlinkTVForm()
    look_up = desk.open_viewer(consumer_id, agent)
    if look_up.viewer is None:
        if look_up.outcome in (LookUpOutcome.NOT_FOUND, LookUpOutcome.MALFORMED):
            return not_opened(look_up)
        caller = opened_caller(form.caller.data or "", consumer_id)
        return _unlink_page(caller, form, device, None, look_up.outcome, look_up.retry_after)
    caller, tv = caller_of(look_up.viewer), _find(look_up.viewer, device)
    if tv is None:
        return viewer_page(agent, look_up.viewer, status=404)
    if not form.validate():
        return _unlink_page(caller, form, device, tv, INVALID)
    outcome = desk.unlink(tv.linked_device_id, consumer_id, agent, form.why)
    if outcome is UnlinkOutcome.UNLINKED:
        return see_other(viewer_path(consumer_id))
    return _unlink_page(caller, form, device, tv, outcome)


@bp.get(f"{VIEWER}/unlink-all")
@fresh_agent_required
@viewer_opened
def unlink_all(agent: Agent, viewer: Viewer) -> Response:
    return _all_page(caller_of(viewer), UnlinkAllForm(formdata=None), viewer.tvs)


@bp.post(f"{VIEWER}/unlink-all")
@fresh_agent_required
def send_unlink_all(agent: Agent, consumer_id: str) -> Response:
    form = UnlinkAllForm()
    look_up = desk.open_viewer(consumer_id, agent)
    if look_up.viewer is None:
        if look_up.outcome in (LookUpOutcome.NOT_FOUND, LookUpOutcome.MALFORMED):
            return not_opened(look_up)
        caller = opened_caller(form.caller.data or "", consumer_id)
        return _all_page(caller, form, None, look_up.outcome, look_up.retry_after)
    caller, tvs = caller_of(look_up.viewer), look_up.viewer.tvs
    if tvs and not form.validate():
        return _all_page(caller, form, tvs, INVALID)
    attempted = _unlink_each(tvs, agent, consumer_id, form)
    left = [one for one in attempted if one.outcome is not UnlinkOutcome.UNLINKED]
    return _all_page(caller, form, attempted=attempted) if left else see_other(viewer_path(consumer_id))


# Zype is not asked for a form that may not be the agent's.
@on_stale_form("support_unlinking.send_unlink")
@agent_required
def unlink_tv_again(agent: Agent, consumer_id: str, device: str) -> Response:
    form = UnlinkTVForm()
    return _unlink_page(opened_caller(form.caller.data or "", consumer_id), form, device, None, STALE)


@on_stale_form("support_unlinking.send_unlink_all")
@agent_required
def unlink_all_again(agent: Agent, consumer_id: str) -> Response:
    form = UnlinkAllForm()
    return _all_page(opened_caller(form.caller.data or "", consumer_id), form, None, STALE)


def _find(viewer: Viewer, handle: str) -> LinkedTV | None:
    return next((tv for tv in viewer.tvs if tv.handle == handle), None)


def _unlink_each(tvs: Sequence[LinkedTV], agent: Agent, consumer_id: str, form: ReasonForm) -> list[Attempted]:
    end = time.monotonic() + PATIENCE_SECONDS
    attempted = []
    for tv in tvs:
        is_late = time.monotonic() > end
        outcome = None if is_late else desk.unlink(tv.linked_device_id, consumer_id, agent, form.why)
        attempted.append(Attempted(tv, outcome))
    return attempted


def _unlink_page(
    caller: Caller,
    form: UnlinkTVForm,
    device: str,
    tv: LinkedTV | None,
    problem: str | None = None,
    retry_after: int | None = None,
) -> Response:
    return render_page(
        "support/unlink_tv.html",
        STATUSES[problem] if problem else 200,
        retry_after=retry_after,
        who=caller,
        path=viewer_path(caller.consumer_id),
        form=form,
        device=device,
        tv=tv,
        problem=problem,
    )


def _all_page(
    caller: Caller,
    form: UnlinkAllForm,
    tvs: Sequence[LinkedTV] | None = None,
    problem: str | None = None,
    retry_after: int | None = None,
    attempted: Sequence[Attempted] = (),
) -> Response:
    """Return the page to unlink all TVs; after an attempt that did not get all of them, it says what came of each."""
    if attempted:
        tvs = [one.tv for one in attempted if one.outcome is not UnlinkOutcome.UNLINKED]
        outcomes = {one.outcome for one in attempted}
        # Only a TV that is no longer theirs is nobody's fault; anything else may get better by itself.
        problem = SOME_GONE if outcomes <= {UnlinkOutcome.UNLINKED, UnlinkOutcome.GONE} else SOME_LEFT
        retry_after = None if problem == SOME_GONE else RETRY_SECONDS
    return render_page(
        "support/unlink_all.html",
        STATUSES[problem] if problem else 200,
        retry_after=retry_after,
        who=caller,
        path=viewer_path(caller.consumer_id),
        form=form,
        tvs=tvs,
        attempted=attempted,
        problem=problem,
    )
