"""The path of a PIN: entered, compared if it was filled in, and linked."""

from typing import assert_never

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import LinkResult, Outcome
from portal.domain.pins import Pin
from portal.pages.activate.forms import ConfirmPinForm, DiscardPinForm, EnterPinForm
from portal.pages.activate.prefilled import LINK, prefilled_form, prefilled_pin
from portal.pages.auth.guards import viewer_required
from portal.pages.auth.sign_in_page import sign_in_page
from portal.pages.identity import pin_cookie
from portal.pages.identity import viewer as identity
from portal.pages.identity.viewer import Flash, Viewer, current_viewer
from portal.pages.web.error_pages import RETRY_SECONDS
from portal.pages.web.forms import as_typed, is_from_another_site, on_stale_form
from portal.pages.web.responses import render_page, see_other, status_of
from portal.services import services

bp = Blueprint("activate", __name__)


@bp.get("/")
def home() -> AnyResponse:
    return redirect("/activate", 302)


@bp.get("/activate")
def enter_pin() -> Response:
    note = identity.take_flash()
    if current_viewer() is None:
        return sign_in_page(note=note)
    return _entry_page(prefilled_form(), note=note)


@bp.post("/activate")
def send_pin() -> Response:
    viewer = current_viewer()
    if viewer is None:
        return _keep_pin_for_sign_in()
    form = EnterPinForm()
    pin = prefilled_pin(form)
    if pin:
        return _to_comparison(pin)
    return _answer(form, services().linking.link(as_typed(form.pin), viewer.consumer_id, viewer.actor))


@bp.get("/activate/compare")
@viewer_required
def compare_pin(viewer: Viewer) -> Response:
    pin = pin_cookie.read()
    return _comparison_page(pin) if pin else _entry_page(prefilled_form(), note="not_kept")


@bp.post("/activate/confirm")
@viewer_required
def confirm_pin(viewer: Viewer) -> Response:
    shown, pin = ConfirmPinForm().shown.data, pin_cookie.read()
    if pin is None or shown != pin_cookie.handle(pin):
        return _answer_without_linking(shown, pin)
    result = services().linking.link(pin.secret, viewer.consumer_id, viewer.actor)
    return _answer(prefilled_form(), result, shown)


@bp.post("/activate/discard")
def discard_pin() -> Response:
    response = see_other("/activate")
    discarded, pin = DiscardPinForm().discarded.data, pin_cookie.read()
    # The PIN that another tab brought meanwhile was not shown here.
    if pin is None or not discarded or discarded == pin_cookie.handle(pin):
        pin_cookie.forget(response)
    identity.leave_flash(Flash.DISCARDED)
    return response


@on_stale_form("activate.send_pin")
def enter_pin_again() -> Response:
    if current_viewer() is None:
        return _keep_pin_for_sign_in()
    form = EnterPinForm()
    # Another site may have sent it, so the PIN counts as prefilled.
    form.source.data, form.original.data = LINK, form.pin.data
    return _entry_page(form, problem="stale")


@on_stale_form("activate.confirm_pin", "activate.discard_pin")
@viewer_required
def compare_pin_again(viewer: Viewer) -> Response:
    shown, pin = ConfirmPinForm().shown.data or DiscardPinForm().discarded.data, pin_cookie.read()
    if pin and (not shown or shown == pin_cookie.handle(pin)):
        return _comparison_page(pin, problem="stale")
    return _answer_without_linking(shown, pin)


@bp.errorhandler(LedgerUnavailable)
def ledger_unavailable(_: LedgerUnavailable) -> Response:
    """Show the form with the PIN still in it: the ledger can't be written, so nothing was sent to Zype."""
    form = EnterPinForm() if request.endpoint == "activate.send_pin" else prefilled_form()
    return _entry_page(form, problem=Outcome.UNAVAILABLE, retry_after=RETRY_SECONDS)


def _keep_pin_for_sign_in() -> Response:
    """Keep a PIN that was sent without a session, so that it is in the field after sign-in.

    This shows no form, whose token would start a new session: if another site sent this, without our cookies, that
    session would replace the viewer's.
    """
    form = EnterPinForm()
    response = see_other("/activate")
    if is_from_another_site():
        # A PIN of that site's choice is compared, but no other text of its choice is shown.
        pin_cookie.keep_of_link(response, as_typed(form.pin))
    elif form.pin.raw_data:
        pin_cookie.keep_sent(response)
    return response


def _to_comparison(pin: Pin) -> Response:
    response = see_other("/activate/compare")
    if pin != pin_cookie.read():
        # Kept only once, so that sending the form again does not extend the half hour.
        pin_cookie.keep(response, pin)
    return response


def _answer_without_linking(shown: str | None, pin: Pin | None) -> Response:
    """Answer "Yes, link this TV" of a page whose PIN is not the one that is kept now: what is linked must be shown."""
    if shown and shown == identity.last_link_shown():
        return see_other("/activate/done")
    return _comparison_page(pin, problem="changed") if pin else _entry_page(prefilled_form(), problem="not_kept")


def _answer(form: EnterPinForm, result: LinkResult, shown: str = "") -> Response:
    match result.outcome:
        case Outcome.LINKED:
            identity.remember_link(result.attempt_id, shown)
            response = see_other("/activate/done")
            pin_cookie.forget(response)
            return response
        case (
            (Outcome.NOT_FOUND | Outcome.REFUSED | Outcome.MALFORMED)
            | Outcome.TOO_MANY
            | (Outcome.UNAVAILABLE | Outcome.UNKNOWN | Outcome.MISCONFIGURED)
        ):
            return _entry_page(form, problem=result.outcome, retry_after=result.retry_after)
    assert_never(result.outcome)


def _entry_page(
    form: EnterPinForm, *, problem: str | None = None, retry_after: int | None = None, note: str | None = None
) -> Response:
    return render_page(
        "activate/enter_pin.html",
        status_of(problem),
        retry_after=retry_after,
        form=form,
        problem=problem,
        note=note,
        prefilled=form.source.data == LINK,
    )


def _comparison_page(pin: Pin, problem: str | None = None) -> Response:
    form = ConfirmPinForm(formdata=None, shown=pin_cookie.handle(pin))
    return render_page("activate/compare_pin.html", status_of(problem), form=form, pin=pin.secret, problem=problem)
