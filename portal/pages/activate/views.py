"""The path of a PIN: entered, compared if a link filled it in, linked, and undone."""

from math import ceil
from typing import assert_never

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError

from portal.domain.errors import LedgerUnavailable
from portal.domain.outcomes import LinkResult, Outcome, UnlinkOutcome
from portal.domain.pins import MalformedPin, Pin
from portal.pages.activate.forms import ConfirmPinForm, EnterPinForm, UndoForm
from portal.pages.auth.guards import sign_in_page, viewer_required
from portal.pages.identity import pin_cookie
from portal.pages.identity import viewer as identity
from portal.pages.identity.viewer import Viewer, current_viewer
from portal.pages.web.error_pages import RETRY_SECONDS, database_failed, error_page
from portal.pages.web.waiting_time import in_words
from portal.services import services

bp = Blueprint("activate", __name__)

STALE = "stale"
UNDO_STATUSES: dict[str, int] = {
    UnlinkOutcome.GONE: 422,
    UnlinkOutcome.UNAVAILABLE: 503,
    UnlinkOutcome.UNKNOWN: 503,
    UnlinkOutcome.MISCONFIGURED: 503,
    STALE: 422,
}


@bp.get("/")
def home() -> Response:
    return _go("/activate", 302)


@bp.get("/activate")
def enter_pin() -> Response:
    if "pin" in request.args:
        # Before anything is shown: what is in the address ends up in histories and screenshots.
        response = _go("/activate")
        pin_cookie.keep_typed(response, request.args["pin"])
        return response
    if current_viewer() is None:
        return sign_in_page()
    return _entry_page(_kept_form())


@bp.post("/activate")
def send_pin() -> Response:
    viewer = current_viewer()
    if viewer is None:
        return _keep_for_sign_in()
    form = EnterPinForm()
    pin = _prefilled(form)
    if pin:
        return _comparison_page(pin)
    return _answer(viewer, form, services().linking.link(form.typed, viewer.consumer_id, viewer.actor))


@bp.post("/activate/confirm")
@viewer_required
def confirm_pin(viewer: Viewer) -> Response:
    pin = pin_cookie.read()
    if pin is None:
        return _go("/activate")
    if ConfirmPinForm().shown.data != pin_cookie.handle(pin):
        # Another tab has another PIN: what is linked must be what this page showed.
        return _comparison_page(pin)
    return _answer(viewer, _kept_form(), services().linking.link(pin.secret, viewer.consumer_id, viewer.actor))


@bp.post("/activate/discard")
def discard_pin() -> Response:
    response = _go("/activate")
    pin_cookie.forget(response)
    return response


@bp.get("/activate/done")
@viewer_required
def done(viewer: Viewer) -> Response:
    return _done_page(viewer)


@bp.post("/activate/undo")
@viewer_required
def undo(viewer: Viewer) -> Response:
    attempt_id = UndoForm().attempt_id
    outcome = services().unlinking.undo(attempt_id, viewer.consumer_id, viewer.actor)
    if outcome is UnlinkOutcome.UNLINKED:
        identity.remember_link(attempt_id)
        return _go("/activate/done")
    return _done_page(viewer, problem=outcome)


@bp.errorhandler(CSRFError)
def ask_again(_: CSRFError) -> Response:
    """Show the page again with the PIN in it. Another site may have sent it, so it counts as prefilled."""
    try:
        return _show_again()
    except SQLAlchemyError as error:
        # What an error handler raises never gets to the table of error pages.
        return database_failed(error)


def _show_again() -> Response:
    viewer = current_viewer()
    if viewer is None:
        return _keep_for_sign_in()
    if request.endpoint == "activate.send_pin":
        form = EnterPinForm()
        form.source.data = "link"
        return _entry_page(form, status=422, stale=True)
    if request.endpoint == "activate.undo":
        return _done_page(viewer, problem=STALE)
    pin = pin_cookie.read()
    return _comparison_page(pin, status=422) if pin else _go("/activate")


@bp.errorhandler(LedgerUnavailable)
def keep_pin(_: LedgerUnavailable) -> Response:
    """Show the form with the PIN still in it: the ledger could not be written, so Zype was not asked."""
    if request.endpoint == "activate.undo":
        return error_page(503, "unavailable", RETRY_SECONDS)
    result = LinkResult(Outcome.UNAVAILABLE, "", retry_after=RETRY_SECONDS)
    form = EnterPinForm() if request.endpoint == "activate.send_pin" else _kept_form()
    return _entry_page(form, status=503, result=result)


def _keep_for_sign_in() -> Response:
    """Keep a PIN that was sent without a session: the page that asks to sign in comes next, then the PIN is there.

    No form is made here: it would put a new token into a new session, and if another site sent this, without the
    cookies of this one, that would take the place of the viewer's.
    """
    response = _go("/activate")
    sent = request.form.getlist("pin")
    if len(sent) == 1:
        pin_cookie.keep_typed(response, sent[0])
    return response


def _kept_form() -> EnterPinForm:
    """Return the form with the PIN of the cookie, if there is one."""
    pin = pin_cookie.read()
    return EnterPinForm(formdata=None, pin=pin.secret if pin else "", source="link" if pin else "")


def _prefilled(form: EnterPinForm) -> Pin | None:
    """Return the PIN of a form if a link or an earlier page put it there; none if it was typed, or is no PIN."""
    try:
        pin = services().settings.pin_rules.normalise(form.typed)
    except MalformedPin:
        return None
    return pin if form.source.data == "link" or pin == pin_cookie.read() else None


def _answer(viewer: Viewer, form: EnterPinForm, result: LinkResult) -> Response:
    match result.outcome:
        case Outcome.LINKED:
            identity.remember_link(result.attempt_id)
            response = _go("/activate/done")
            pin_cookie.forget(response)
            return response
        case Outcome.NOT_FOUND | Outcome.REFUSED | Outcome.MALFORMED:
            return _entry_page(form, status=422, result=result)
        case Outcome.TOO_MANY:
            return _entry_page(form, status=429, result=result)
        case Outcome.UNAVAILABLE | Outcome.UNKNOWN | Outcome.MISCONFIGURED:
            return _entry_page(form, status=503, result=result)
    assert_never(result.outcome)


def _entry_page(
    form: EnterPinForm, *, status: int = 200, result: LinkResult | None = None, stale: bool = False
) -> Response:
    retry_after = result.retry_after if result else None
    page = render_template(
        "activate/enter_pin.html",
        form=form,
        outcome=result.outcome.value if result else None,
        wait=in_words(retry_after),
        stale=stale,
        prefilled=form.source.data == "link",
        notice=None,
        failed=status >= 400,
    )
    response = make_response(page, status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _comparison_page(pin: Pin, *, status: int = 200) -> Response:
    form = ConfirmPinForm(formdata=None, shown=pin_cookie.handle(pin))
    page = render_template("activate/compare_pin.html", form=form, pin=pin.secret, failed=status >= 400)
    response = make_response(page, status)
    if pin != pin_cookie.read():
        # Kept once and not again, so that its half an hour does not begin anew with every look.
        pin_cookie.keep(response, pin)
    return response


def _done_page(viewer: Viewer, problem: str | None = None) -> Response:
    attempt_id = identity.last_link()
    tv = services().unlinking.linked_tv(attempt_id, viewer.consumer_id) if attempt_id else None
    if tv is None:
        return _go("/activate")
    device = tv.linked_device_id
    page = render_template(
        "activate/done.html",
        form=UndoForm(formdata=None, attempt=attempt_id),
        state="undone" if tv.is_undone else "linked",
        can_undo=tv.undo_seconds is not None and not tv.is_undone,
        undo_minutes=ceil((tv.undo_seconds or 0) / 60),
        handle=services().directory.handle(viewer.consumer_id, device) if device else None,
        name=services().records.tv_names(viewer.consumer_id).get(device) if device else None,
        problem=problem,
        failed=problem is not None,
    )
    return make_response(page, UNDO_STATUSES[problem] if problem else 200)


def _go(path: str, status: int = 303) -> Response:
    return current_app.make_response(redirect(path, status))
