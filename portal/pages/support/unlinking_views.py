"""Unlinking one or all of a viewer's TVs for them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response

from portal.domain.outcomes import UnlinkOutcome
from portal.pages.auth.guards import agent_required, fresh_agent_required
from portal.pages.identity import draft
from portal.pages.identity.agent import Agent
from portal.pages.support import actions
from portal.pages.support.forms import ReasonForm
from portal.pages.support.viewer_summary import ViewerSummary
from portal.pages.support.views import VIEWER, viewer_page, with_look_up, with_viewer
from portal.pages.web.error_pages import RETRY_SECONDS
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import render_page, see_other, status_of
from portal.viewers.directory import LinkedTV, LookUpResult, Viewer

bp = Blueprint("support_unlinking", __name__)

# Unlinking several TVs, one after the other, may take this long; the TVs that are left wait for the next try.
UNLINK_ALL_SECONDS = 20
UNLINK_PAGE = "support/unlink_tv.html"
UNLINK_ALL_PAGE = "support/unlink_all.html"


@dataclass(frozen=True)
class UnlinkResult:
    """How unlinking one of several TVs ended: without an outcome if the time was up before this TV was tried."""

    tv: LinkedTV
    outcome: UnlinkOutcome | None


@bp.get(f"{VIEWER}/devices/<device>/unlink")
@agent_required
@with_viewer
def unlink_tv(agent: Agent, viewer: Viewer, device: str) -> Response:
    tv = _find(viewer, device)
    if tv is None:
        return viewer_page(agent, viewer, status=404)
    return _page(
        UNLINK_PAGE, ViewerSummary.of(viewer), ReasonForm(formdata=None, data=draft.read(agent)), device=device, tv=tv
    )


@bp.post(f"{VIEWER}/devices/<device>/unlink")
@agent_required
@with_look_up
def send_unlink(agent: Agent, look_up: LookUpResult, consumer_id: str, device: str) -> Response:
    form = ReasonForm()
    if look_up.viewer is None:
        summary, retry_after = form.summary(consumer_id), look_up.retry_after
        return _page(UNLINK_PAGE, summary, form, look_up.outcome, device=device, tv=None, retry_after=retry_after)
    tv = _find(look_up.viewer, device)
    if tv is None:
        return viewer_page(agent, look_up.viewer, status=404)
    summary = ViewerSummary.of(look_up.viewer)
    if not form.validate():
        return _page(UNLINK_PAGE, summary, form, "invalid", device=device, tv=tv)
    outcome = actions.unlink(tv.linked_device_id, consumer_id, agent, form.reason_to_record)
    if outcome is UnlinkOutcome.UNLINKED:
        return _done(summary)
    return _page(UNLINK_PAGE, summary, form, outcome, device=device, tv=tv)


# Zype is not asked for a form that may not be the agent's.
@on_stale_form("support_unlinking.send_unlink")
@agent_required
def unlink_tv_again(agent: Agent, consumer_id: str, device: str) -> Response:
    form = ReasonForm()
    return _page(UNLINK_PAGE, form.summary(consumer_id), form, "stale", device=device, tv=None)


@bp.get(f"{VIEWER}/unlink-all")
@fresh_agent_required
@with_viewer
def unlink_all(agent: Agent, viewer: Viewer) -> Response:
    return _page(
        UNLINK_ALL_PAGE, ViewerSummary.of(viewer), ReasonForm(formdata=None, data=draft.read(agent)), tvs=viewer.tvs
    )


@bp.post(f"{VIEWER}/unlink-all")
@fresh_agent_required
@with_look_up
def send_unlink_all(agent: Agent, look_up: LookUpResult, consumer_id: str) -> Response:
    form = ReasonForm()
    if look_up.viewer is None:
        summary, retry_after = form.summary(consumer_id), look_up.retry_after
        return _page(UNLINK_ALL_PAGE, summary, form, look_up.outcome, tvs=None, retry_after=retry_after)
    summary, tvs = ViewerSummary.of(look_up.viewer), look_up.viewer.tvs
    if tvs and not form.validate():
        return _page(UNLINK_ALL_PAGE, summary, form, "invalid", tvs=tvs)
    results = _unlink_each(tvs, agent, consumer_id, form)
    if all(result.outcome is UnlinkOutcome.UNLINKED for result in results):
        return _done(summary)
    return _some_left_page(summary, form, results)


@on_stale_form("support_unlinking.send_unlink_all")
@agent_required
def unlink_all_again(agent: Agent, consumer_id: str) -> Response:
    form = ReasonForm()
    return _page(UNLINK_ALL_PAGE, form.summary(consumer_id), form, "stale", tvs=None)


def _done(summary: ViewerSummary) -> Response:
    response = see_other(summary.path)
    draft.forget(response)
    return response


def _find(viewer: Viewer, handle: str) -> LinkedTV | None:
    return next((tv for tv in viewer.tvs if tv.handle == handle), None)


def _unlink_each(tvs: Sequence[LinkedTV], agent: Agent, consumer_id: str, form: ReasonForm) -> list[UnlinkResult]:
    end = time.monotonic() + UNLINK_ALL_SECONDS
    results = []
    for tv in tvs:
        is_late = time.monotonic() > end
        outcome = None if is_late else actions.unlink(tv.linked_device_id, consumer_id, agent, form.reason_to_record)
        results.append(UnlinkResult(tv, outcome))
    return results


def _page(
    template: str, summary: ViewerSummary, form: ReasonForm, problem: str | None = None, **context: Any
) -> Response:
    return render_page(template, status_of(problem), summary=summary, form=form, problem=problem, **context)


def _some_left_page(summary: ViewerSummary, form: ReasonForm, results: Sequence[UnlinkResult]) -> Response:
    """Return the page to unlink the TVs that are left, which says how unlinking each TV ended."""
    tvs = [result.tv for result in results if result.outcome is not UnlinkOutcome.UNLINKED]
    if all(result.outcome in (UnlinkOutcome.UNLINKED, UnlinkOutcome.GONE) for result in results):
        # A TV that is no longer theirs won't be unlinked later either; any other failure may pass.
        return _page(UNLINK_ALL_PAGE, summary, form, "some_gone", tvs=tvs, results=results)
    retry_after = RETRY_SECONDS
    return _page(UNLINK_ALL_PAGE, summary, form, "some_left", tvs=tvs, results=results, retry_after=retry_after)
