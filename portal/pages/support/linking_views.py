"""Linking a TV for a viewer: the PIN is entered with a reason, read back, linked, and can be undone."""

from collections.abc import Sequence
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from portal.domain import phonetics
from portal.domain.outcomes import LinkResult, Outcome, UnlinkOutcome
from portal.domain.patterns import named_characters
from portal.domain.pins import Pin
from portal.pages.auth.guards import agent_required
from portal.pages.identity import draft, pin_cookie
from portal.pages.identity.agent import Agent
from portal.pages.support import actions
from portal.pages.support.forms import ConfirmLinkForm, LinkForViewerForm, UndoForm
from portal.pages.support.signed_state import sign, verify
from portal.pages.support.viewer_summary import ViewerSummary
from portal.pages.support.views import VIEWER, with_look_up, with_viewer
from portal.pages.web.forms import as_typed, on_stale_form
from portal.pages.web.responses import render_page, see_other, status_of
from portal.services import services
from portal.viewers.directory import LinkedTV, LookUpResult, Viewer

bp = Blueprint("support_linking", __name__)

CHANGE = "change"


@bp.get(f"{VIEWER}/link")
@agent_required
@with_viewer
def link_for_viewer(agent: Agent, viewer: Viewer) -> Response:
    return _form_page(ViewerSummary.of(viewer), LinkForViewerForm(formdata=None, data=draft.read(agent)))


@bp.post(f"{VIEWER}/link")
@agent_required
@with_look_up
def send_link(agent: Agent, look_up: LookUpResult, consumer_id: str) -> Response:
    form = LinkForViewerForm()
    if look_up.viewer is None:
        return _form_page(form.summary(consumer_id), form, look_up.outcome, look_up.retry_after)
    summary = ViewerSummary.of(look_up.viewer)
    pin = form.secret_pin = form.normalised_pin
    if not form.validate():
        return _form_page(summary, form, "invalid")
    if pin is None:
        # It is attempted all the same, so that it is in the ledger.
        return _answer(summary, form, actions.link(as_typed(form.pin), consumer_id, agent, form.reason_to_record))
    return _confirm_page(agent, summary, form, pin)


@bp.post(f"{VIEWER}/link/confirm")
@agent_required
def confirm_link(agent: Agent, consumer_id: str) -> Response:
    form, answer = LinkForViewerForm(), ConfirmLinkForm()
    summary = form.summary(consumer_id)
    pin = form.secret_pin = pin_cookie.staff.read(_pin_owner(agent, consumer_id))
    if pin is None:
        return _form_page(summary, form, "stale")
    form.pin.data = pin.secret
    if answer.answer.data == CHANGE:
        return _form_page(summary, form)
    if not form.validate():
        return _form_page(summary, form, "invalid")
    if answer.shown.data != pin_cookie.handle(pin):
        # Another tab has another PIN: what is linked must be what this page showed.
        return _confirm_page(agent, summary, form, pin, is_another=True)
    return _answer(summary, form, actions.link(pin.secret, consumer_id, agent, form.reason_to_record))


# Zype is not asked for a form that may not be the agent's.
@on_stale_form("support_linking.send_link")
@agent_required
def link_for_viewer_again(agent: Agent, consumer_id: str) -> Response:
    form = LinkForViewerForm()
    return _form_page(form.summary(consumer_id), form, "stale")


@on_stale_form("support_linking.confirm_link")
@agent_required
def confirm_link_again(agent: Agent, consumer_id: str) -> Response:
    form = LinkForViewerForm()
    pin = pin_cookie.staff.read(_pin_owner(agent, consumer_id))
    form.pin.data = pin.secret if pin else ""
    return _form_page(form.summary(consumer_id), form, "stale")


@bp.get(f"{VIEWER}/done")
@agent_required
def done(agent: Agent, consumer_id: str) -> Response:
    # This page does without Zype if it has to.
    look_up = actions.reopen_viewer(consumer_id, agent)
    viewer = look_up.viewer if look_up else None
    summary = ViewerSummary.of(viewer) if viewer else ViewerSummary(consumer_id)
    return _done_page(summary, request.args.get("attempt"), tvs=viewer.tvs if viewer else ())


@bp.post(f"{VIEWER}/undo")
@agent_required
def undo(agent: Agent, consumer_id: str) -> Response:
    form = UndoForm()
    summary, signed = form.summary(consumer_id), form.attempt.data
    outcome = actions.undo(_attempt_id(signed, consumer_id), consumer_id, agent)
    if outcome is UnlinkOutcome.UNLINKED:
        return see_other(_done_path(summary, signed))
    return _done_page(summary, signed, problem=outcome)


@on_stale_form("support_linking.undo")
@agent_required
def undo_again(agent: Agent, consumer_id: str) -> Response:
    form = UndoForm()
    return _done_page(form.summary(consumer_id), form.attempt.data, problem="stale")


def _answer(summary: ViewerSummary, form: LinkForViewerForm, result: LinkResult) -> Response:
    if result.outcome is not Outcome.LINKED:
        return _form_page(summary, form, result.outcome, result.retry_after)
    response = see_other(_done_path(summary, sign("attempt", summary.consumer_id, result.attempt_id)))
    pin_cookie.staff.forget(response)
    draft.forget(response)
    return response


def _form_page(
    summary: ViewerSummary, form: LinkForViewerForm, problem: str | None = None, retry_after: int | None = None
) -> Response:
    return render_page(
        "support/link_for_viewer.html",
        status_of(problem),
        retry_after=retry_after,
        summary=summary,
        form=form,
        problem=problem,
        words=_words(),
    )


def _confirm_page(
    agent: Agent, summary: ViewerSummary, form: LinkForViewerForm, pin: Pin, *, is_another: bool = False
) -> Response:
    response = render_page(
        "support/confirm_link.html",
        summary=summary,
        form=form,
        pin=pin.secret,
        is_another=is_another,
        shown=pin_cookie.handle(pin),
        spelling=phonetics.spell(pin.secret, case_sensitive=_is_case_sensitive()),
    )
    pin_cookie.staff.keep(response, pin, _pin_owner(agent, summary.consumer_id))
    return response


def _done_page(
    summary: ViewerSummary, signed: str | None, problem: str | None = None, tvs: Sequence[LinkedTV] = ()
) -> Response:
    attempt_id = _attempt_id(signed, summary.consumer_id)
    link = services().unlinking.recent_link(attempt_id, summary.consumer_id) if attempt_id else None
    if link is None:
        return see_other(summary.path)
    return render_page(
        "support/done.html",
        status_of(problem),
        summary=summary,
        form=UndoForm(formdata=None, attempt=signed, caller=summary.signed),
        tv=next((tv for tv in tvs if tv.linked_device_id == link.linked_device_id), None),
        link=link,
        problem=problem,
    )


def _done_path(summary: ViewerSummary, signed: str | None) -> str:
    return f"{summary.path}/done?{urlencode({'attempt': signed or ''})}"


def _attempt_id(signed: str | None, consumer_id: str) -> str:
    """Return the id of an attempt that linked a TV of this viewer; empty if the text is not signed by us for them."""
    match verify("attempt", signed):
        case [found, attempt_id] if found == consumer_id:
            return str(attempt_id)
        case _:
            return ""


def _pin_owner(agent: Agent, consumer_id: str) -> str:
    """Return the owner of the PIN cookie: neither another agent nor the tab of another viewer can read it."""
    return f"{agent.id} {consumer_id}"


def _words() -> dict[str, str]:
    """Return the word for each character that a PIN may have: dashes only if the operator's PINs have some."""
    ignored = {"-", "_"} - named_characters(services().settings.pin_pattern)
    words = phonetics.words(case_sensitive=_is_case_sensitive())
    return {character: word for character, word in words.items() if character not in ignored}


def _is_case_sensitive() -> bool:
    return services().settings.pin_case == "keep"
