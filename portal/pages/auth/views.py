"""Signing in and out."""

from flask import Blueprint, Response, current_app, redirect, request

from portal.database.authorizations import AuthorizationKind
from portal.domain.actors import ActorKind
from portal.pages.auth import authorization_code, pending_authorizations
from portal.pages.auth.forms import SignInForm, SignOutForm
from portal.pages.auth.guards import viewer_required
from portal.pages.auth.sign_in_attempts import SignInResult
from portal.pages.auth.sign_in_page import HOME, known_path, sign_in_page
from portal.pages.auth.zype_login import result_of_error, sign_in_with_password
from portal.pages.identity import pin_cookie
from portal.pages.identity import viewer as identity
from portal.pages.identity.actor import request_actor
from portal.pages.identity.viewer import Flash, Viewer
from portal.pages.web import language
from portal.pages.web.error_pages import error_page
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import see_other
from portal.services import services
from portal.zype.errors import ZypeError

bp = Blueprint("auth", __name__)


@bp.get("/sign-in")
def sign_in() -> Response:
    flash = identity.take_flash()
    return sign_in_page(
        next_path=known_path(request.args.get("next")),
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
    if authorization is None:
        return sign_in_page(problem="cancelled")
    next_path = known_path(authorization.next_path)
    result = authorization_code.callback(authorization, request_actor(ActorKind.VIEWER))
    if result is None:
        return sign_in_page(next_path=next_path, problem="cancelled")
    return _respond(result, None, next_path)


@bp.post("/sign-out")
def sign_out() -> Response:
    response = see_other(HOME)
    identity.sign_out()
    if SignOutForm().keep_pin.data:
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


@on_stale_form("auth")
def sign_in_again() -> Response:
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        # Another site sent it, without this one's cookies: a form here would set new ones in place of the viewer's.
        return see_other(HOME)
    if request.endpoint != "auth.send_password":
        return error_page(400, "stale")
    form = SignInForm()
    return sign_in_page(form, next_path=known_path(form.next.data), problem="stale", status=422)


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
