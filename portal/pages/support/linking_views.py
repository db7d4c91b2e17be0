"""Linking a TV for a viewer: the PIN is entered with a reason, read back, linked, and can be undone."""

from collections.abc import Sequence
from math import ceil
from typing import assert_never
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from portal.domain import phonetics
from portal.domain.outcomes import LinkResult, LookUpOutcome, Outcome, UnlinkOutcome
from portal.domain.pins import Pin
from portal.pages.auth.guards import agent_required
from portal.pages.identity import pin_cookie
from portal.pages.identity.agent import Agent
from portal.pages.support import calls as desk
from portal.pages.support.forms import ConfirmLinkForm, LinkForViewerForm, UndoForm
from portal.pages.support.signed_state import Caller, caller_of, opened_caller, seal, unseal
from portal.pages.support.views import VIEWER, not_opened, viewer_opened, viewer_path
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import render_page, see_other
from portal.services import services
from portal.viewers.directory import LinkedTV, LookUpResult, Viewer

bp = Blueprint("support_linking", __name__)

CHANGE = "change"
STALE = "stale"
UNDO_STATUSES: dict[str, int] = {
    UnlinkOutcome.GONE: 422,
    UnlinkOutcome.UNAVAILABLE: 503,
    UnlinkOutcome.UNKNOWN: 503,
    UnlinkOutcome.MISCONFIGURED: 503,
    STALE: 422,
}


@bp.get(f"{VIEWER}/link")
@agent_required
@viewer_opened
def link_for_viewer(agent: Agent, viewer: Viewer) -> Response:
    return _form_page(caller_of(viewer), LinkForViewerForm(formdata=None))


@bp.post(f"{VIEWER}/link")
@agent_required
def send_link(agent: Agent, consumer_id: str) -> Response:
    form = LinkForViewerForm()
    look_up = desk.open_viewer(consumer_id, agent)
    if look_up.viewer is None:
        return _not_opened(form, consumer_id, look_up)
    caller = caller_of(look_up.viewer)
    pin = form.secret = form.typed_pin
    if not form.validate():
        return _form_page(caller, form, status=422)
    if pin is None:
        # It goes the way of every attempt, so that the ledger has it.
        return _answer(caller, form, desk.link(form.typed, consumer_id, agent, form.why))
    return _confirm_page(agent, caller, form, pin)


@bp.post(f"{VIEWER}/link/confirm")
@agent_required
def confirm_link(agent: Agent, consumer_id: str) -> Response:
    form, answer = LinkForViewerForm(), ConfirmLinkForm()
    caller = opened_caller(form.caller.data or "", consumer_id)
    pin = form.secret = pin_cookie.staff.read(_whose(agent, consumer_id))
    if pin is None:
        return _form_page(caller, form, status=422, stale=True)
    form.pin.data = pin.secret
    if answer.answer.data == CHANGE:
        return _form_page(caller, form)
    if not form.validate():
        return _form_page(caller, form, status=422)
    if answer.shown.data != pin_cookie.handle(pin):
        # Another tab has another PIN: what is linked must be what this page showed.
        return _confirm_page(agent, caller, form, pin)
    return _answer(caller, form, desk.link(pin.secret, consumer_id, agent, form.why))


@bp.get(f"{VIEWER}/done")
@agent_required
def done(agent: Agent, consumer_id: str) -> Response:
    # What was linked can be told without Zype, if need be.
    viewer = desk.open_viewer(consumer_id, agent).viewer
    caller = caller_of(viewer) if viewer else Caller(consumer_id)
    return _done_page(caller, request.args.get("attempt", ""), tvs=viewer.tvs if viewer else ())


@bp.post(f"{VIEWER}/undo")
@agent_required
def undo(agent: Agent, consumer_id: str) -> Response:
    form = UndoForm()
    sealed = form.attempt.data or ""
    outcome = desk.undo(_attempt_id(sealed, consumer_id), consumer_id, agent)
    if outcome is UnlinkOutcome.UNLINKED:
        return see_other(_done_path(consumer_id, sealed))
    return _done_page(opened_caller(form.caller.data or "", consumer_id), sealed, problem=outcome)


# Zype is not asked for a form that may not be the agent's.
@on_stale_form("support_linking.send_link")
@agent_required
def link_for_viewer_again(agent: Agent, consumer_id: str) -> Response:
    form = LinkForViewerForm()
    return _form_page(opened_caller(form.caller.data or "", consumer_id), form, status=422, stale=True)


@on_stale_form("support_linking.confirm_link")
@agent_required
def confirm_link_again(agent: Agent, consumer_id: str) -> Response:
    form = LinkForViewerForm()
    pin = pin_cookie.staff.read(_whose(agent, consumer_id))
    form.pin.data = pin.secret if pin else ""
    return _form_page(opened_caller(form.caller.data or "", consumer_id), form, status=422, stale=True)


@on_stale_form("support_linking.undo")
@agent_required
def undo_again(agent: Agent, consumer_id: str) -> Response:
    form = UndoForm()
    caller = opened_caller(form.caller.data or "", consumer_id)
    return _done_page(caller, form.attempt.data or "", problem=STALE)


def _not_opened(form: LinkForViewerForm, consumer_id: str, look_up: LookUpResult) -> Response:
    """Return why the viewer can't be shown; where that may pass, with the form, so that nothing is typed twice."""
    if look_up.outcome in (LookUpOutcome.NOT_FOUND, LookUpOutcome.MALFORMED):
        return not_opened(look_up)
    result = LinkResult(Outcome(look_up.outcome.value), "", retry_after=look_up.retry_after)
    return _answer(opened_caller(form.caller.data or "", consumer_id), form, result)


def _answer(caller: Caller, form: LinkForViewerForm, result: LinkResult) -> Response:
    match result.outcome:
        case Outcome.LINKED:
            sealed = seal("attempt", caller.consumer_id, result.attempt_id)
            response = see_other(_done_path(caller.consumer_id, sealed))
            pin_cookie.staff.forget(response)
            return response
        case Outcome.NOT_FOUND | Outcome.REFUSED | Outcome.MALFORMED:
            return _form_page(caller, form, status=422, result=result)
        case Outcome.TOO_MANY:
            return _form_page(caller, form, status=429, result=result)
        case Outcome.UNAVAILABLE | Outcome.UNKNOWN | Outcome.MISCONFIGURED:
            return _form_page(caller, form, status=503, result=result)
    assert_never(result.outcome)


def _form_page(
    caller: Caller,
    form: LinkForViewerForm,
    *,
    status: int = 200,
    result: LinkResult | None = None,
    stale: bool = False,
) -> Response:
    return render_page(
        "support/link_for_viewer.html",
        status,
        retry_after=result.retry_after if result else None,
        who=caller,
        path=viewer_path(caller.consumer_id),
        form=form,
        outcome=result.outcome.value if result else None,
        stale=stale,
        words=phonetics.words(tells_case=_tells_case()),
    )


def _confirm_page(agent: Agent, caller: Caller, form: LinkForViewerForm, pin: Pin) -> Response:
    response = render_page(
        "support/confirm_link.html",
        who=caller,
        path=viewer_path(caller.consumer_id),
        form=form,
        pin=pin.secret,
        shown=pin_cookie.handle(pin),
        spelling=phonetics.spell(pin.secret, tells_case=_tells_case()),
    )
    pin_cookie.staff.keep(response, pin, _whose(agent, caller.consumer_id))
    return response


def _done_page(caller: Caller, sealed: str, problem: str | None = None, tvs: Sequence[LinkedTV] = ()) -> Response:
    attempt_id = _attempt_id(sealed, caller.consumer_id)
    linked = services().unlinking.recent_link(attempt_id, caller.consumer_id) if attempt_id else None
    if linked is None:
        return see_other(viewer_path(caller.consumer_id))
    return render_page(
        "support/done.html",
        UNDO_STATUSES[problem] if problem else 200,
        who=caller,
        path=viewer_path(caller.consumer_id),
        form=UndoForm(formdata=None, attempt=sealed, caller=caller.sealed),
        tv=next((one for one in tvs if one.linked_device_id == linked.linked_device_id), None),
        state="undone" if linked.is_undone else "linked",
        can_undo=linked.undo_seconds is not None and not linked.is_undone,
        undo_minutes=ceil((linked.undo_seconds or 0) / 60),
        problem=problem,
    )


def _done_path(consumer_id: str, sealed: str) -> str:
    return f"{viewer_path(consumer_id)}/done?{urlencode({'attempt': sealed})}"


def _attempt_id(sealed: str, consumer_id: str) -> str:
    """Return the attempt that this portal said had linked a TV of this viewer's, or nothing."""
    match unseal("attempt", sealed):
        case [found, attempt_id] if found == consumer_id:
            return str(attempt_id)
        case _:
            return ""


def _whose(agent: Agent, consumer_id: str) -> str:
    """Return whose PIN it is: neither another agent nor the tab of another viewer can have it."""
    return f"{agent.id} {consumer_id}"


def _tells_case() -> bool:
    return services().settings.pin_case == "keep"
