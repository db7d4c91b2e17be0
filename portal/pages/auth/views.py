"""Signing in and out."""

from flask import Blueprint, Response, current_app, redirect, request

from portal.database.authorizations import AuthorizationKind
from portal.domain.actors import ActorKind
from portal.pages.auth import authorization_code, pending_authorizations
from portal.pages.auth.forms import SignInForm, SignOutForm
from portal.pages.auth.guards import viewer_required
from portal.pages.auth.handoff import sign_in as handoff
from portal.pages.auth.sign_in_attempts import SignInResult
from portal.pages.auth.sign_in_page import known_path, sign_in_page
from portal.pages.auth.zype_login import result_of_error, sign_in_with_password
from portal.pages.identity import pin_cookie
from portal.pages.identity import viewer as identity
from portal.pages.identity.actor import request_actor
from portal.pages.identity.viewer import Flash, Viewer
from portal.pages.web import language
from portal.pages.web.error_pages import KINDS, error_page
from portal.pages.web.forms import csrf, is_from_another_site, on_stale_form, stale_reason
from portal.pages.web.paths import HOME
from portal.pages.web.responses import render_page, see_other, status_of
from portal.services import services
from portal.zype.errors import ZypeError

bp = Blueprint("auth", __name__)


@bp.get("/sign-in")
def sign_in() -> Response:
    next_path = known_path(request.args.get("next"))
    if identity.current_viewer():
        return see_other(next_path)
    flash = identity.take_flash()
    return sign_in_page(
        next_path=next_path,
        problem=flash if flash == Flash.SIGNED_OUT_EVERYWHERE else None,
    )


@bp.post("/sign-in")
def send_password() -> Response:
    form = SignInForm()
    next_path = known_path(form.next.data)
    if not form.validate() or "password" not in services().settings.sign_in:
        return sign_in_page(form, next_path=next_path, status=422)
    actor = request_actor(ActorKind.VIEWER)
    result = sign_in_with_password(services(), form.email.data or "", form.password.data or "", actor)
    return _respond(result, form, next_path)


@bp.get("/sign-in/code")
def authorization_request() -> Response:
    next_path = known_path(request.args.get("next"))
    if "code" not in services().settings.sign_in:
        return see_other(HOME)
    if identity.current_viewer():
        return see_other(next_path)
    try:
        url = authorization_code.authorization_url(next_path)
    except ZypeError as error:
        url = result_of_error(error)
    if isinstance(url, SignInResult):
        return _respond(url, None, next_path)
    return current_app.make_response(redirect(url, 302))


@bp.get(authorization_code.CALLBACK_PATH)
def callback() -> Response:
    if "code" not in services().settings.sign_in:
        return see_other(HOME)
    authorization = pending_authorizations.take(AuthorizationKind.VIEWER)
    next_path = known_path(authorization.next_path if authorization else None)
    result = authorization_code.callback(authorization, request_actor(ActorKind.VIEWER))
    if result:
        return _respond(result, None, next_path)
    if identity.current_viewer():
        # A reload, or another tab was faster.
        return see_other(next_path)
    # A state of ours came back without the cookie that was set with it.
    is_without_cookies = authorization is not None and not identity.has_cookie()
    return sign_in_page(next_path=next_path, problem="no_cookies" if is_without_cookies else "cancelled")


@bp.post(handoff.PATH)
@csrf.exempt  # type: ignore[untyped-decorator]
def hand_off() -> Response:
    if "handoff" not in services().settings.sign_in:
        return see_other(HOME)
    token, next_path = "\0".join(request.form.getlist("token")), known_path(request.form.get("next"))
    result = handoff.sign_in(token, request_actor(ActorKind.VIEWER))
    if result.value is None:
        # Not the page with the ways to sign in: the browser sent no cookies, and a form would set new ones.
        status = status_of(result.outcome)
        return error_page(400, "handoff") if status == 422 else error_page(status, KINDS[status], result.retry_after)
    response = _respond(result, None, next_path)
    if result.pin and not pin_cookie.keep_of_link(response, result.pin):
        identity.leave_flash(Flash.DAMAGED_LINK)
    return response


@bp.post("/sign-out")
def sign_out() -> Response:
    form = SignOutForm()
    response = see_other(HOME)
    identity.sign_out()
    if form.keep_pin.data:
        pin_cookie.keep_sent(response)
    else:
        pin_cookie.forget(response)
    return response


@bp.post("/sign-out/everywhere")
@viewer_required
def sign_out_everywhere(viewer: Viewer) -> Response:
    response = see_other("/sign-in")
    identity.sign_out_everywhere(viewer)
    identity.leave_flash(Flash.SIGNED_OUT_EVERYWHERE)
    pin_cookie.forget(response)
    return response


@on_stale_form("auth.send_password")
def sign_in_again() -> Response:
    next_path = known_path(request.form.get("next"))
    if identity.current_viewer():
        # Another tab was faster.
        return see_other(next_path)
    if is_from_another_site():
        # A form here would set new cookies in place of the viewer's, which were not sent along.
        return see_other(HOME)
    return sign_in_page(SignInForm(), next_path=next_path, problem=stale_reason(), status=422)


@on_stale_form("auth.sign_out", "auth.sign_out_everywhere")
def confirm_sign_out() -> Response:
    if is_from_another_site() or not identity.has_cookie():
        return see_other(HOME)
    if identity.current_viewer() is None:
        return sign_out()
    form = SignOutForm()
    response = render_page("auth/sign_out.html", 422, action=request.path, form=form)
    if form.keep_pin.data:
        pin_cookie.keep_sent(response)
    return response


def _respond(result: SignInResult[Viewer], form: SignInForm | None, next_path: str) -> Response:
    """Begin the session of the viewer who signed in, or show the sign-in page again."""
    if result.value is None:
        return sign_in_page(form, next_path=next_path, **result.problem())
    previous = identity.current_viewer()
    identity.sign_in(result.value)
    language.remember(language.current_language())
    response = see_other(next_path)
    if previous and previous.consumer_id != result.value.consumer_id:
        # Another viewer signed in without "Not you?": the PIN is not theirs.
        pin_cookie.forget(response)
    return response
