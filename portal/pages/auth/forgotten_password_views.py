"""The page of who has forgotten their password: an email in, the same answer for everybody, and Zype sends its mail."""

from flask import Blueprint, Response, request

from portal.domain.actors import ActorKind
from portal.pages.auth.forms import ForgottenPasswordForm
from portal.pages.auth.sign_in_page import known_path
from portal.pages.identity import pin_cookie
from portal.pages.identity import viewer as identity
from portal.pages.identity.actor import request_actor
from portal.pages.identity.viewer import Flash
from portal.pages.web.forms import is_from_another_site, on_stale_form, stale_reason
from portal.pages.web.paths import FORGOTTEN_PASSWORD, HOME
from portal.pages.web.responses import render_page, see_other, status_of
from portal.services import services
from portal.viewers.password_mails import SAME_ANSWER

bp = Blueprint("forgotten_password", __name__)


@bp.get(FORGOTTEN_PASSWORD)
def forgotten_password() -> Response:
    if not services().settings.sends_password_mails:
        return _elsewhere()
    if identity.take_flash() == Flash.PASSWORD_MAIL:
        return _page(None, is_sent=True)
    return _page(ForgottenPasswordForm(formdata=None, email=identity.take_typed("email")))


@bp.post(FORGOTTEN_PASSWORD)
def ask_for_mail() -> Response:
    if not services().settings.sends_password_mails:
        return _elsewhere()
    form = ForgottenPasswordForm()
    if form.of_sign_in.data:
        return _with_typed_email()
    if not form.validate():
        return _page(form, "invalid")
    result = services().password_mails.ask(form.email.data or "", request_actor(ActorKind.VIEWER))
    if result.outcome not in SAME_ANSWER:
        return _page(form, result.outcome, result.retry_after)
    # For the form to sign in.
    identity.keep_typed(request.form)
    identity.leave_flash(Flash.PASSWORD_MAIL)
    return see_other(_path(form.next.data))


@on_stale_form("forgotten_password.ask_for_mail")
def ask_again() -> Response:
    if is_from_another_site() or not services().settings.sends_password_mails:
        # A form here would set new cookies in place of the viewer's, which were not sent along.
        return see_other(HOME)
    form = ForgottenPasswordForm()
    return _with_typed_email() if form.of_sign_in.data and identity.has_cookie() else _page(form, stale_reason())


def _with_typed_email() -> Response:
    """Return the redirect to the page, with what was typed into the form to sign in; the password is dropped."""
    identity.keep_typed(request.form)
    return see_other(_path(request.form.get("next")))


def _elsewhere() -> Response:
    """Return the redirect to where the operator lets viewers set a new password."""
    return see_other(services().settings.brand_forgotten_password_url or HOME)


def _path(next_path: str | None) -> str:
    known = known_path(next_path)
    return FORGOTTEN_PASSWORD if known == HOME else f"{FORGOTTEN_PASSWORD}?next={known}"


def _page(
    form: ForgottenPasswordForm | None,
    problem: str | None = None,
    retry_after: int | None = None,
    *,
    is_sent: bool = False,
) -> Response:
    return render_page(
        "auth/forgotten_password.html",
        status_of(problem),
        retry_after=retry_after,
        form=form,
        problem=problem,
        is_sent=is_sent,
        next=known_path(form.next.data if form and form.next.data else request.args.get("next")),
        pin_kept=bool(pin_cookie.read_typed()),
    )
