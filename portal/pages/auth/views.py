"""Signing in and out."""

from flask import Blueprint, Response, g, request

from portal.domain.actors import Actor, ActorKind
from portal.pages.auth import authorization_code, password
from portal.pages.auth.forms import SignInForm, SignOutForm
from portal.pages.auth.guards import HOME, known_path, sign_in_page, viewer_required
from portal.pages.auth.sign_in_attempts import STATUSES, Profile, SignInResult
from portal.pages.auth.zype_login import result_of_error
from portal.pages.identity import pin_cookie
from portal.pages.identity import viewer as identity
from portal.pages.identity.viewer import Note, Viewer
from portal.pages.web import language
from portal.pages.web.error_pages import error_page
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import see_other
from portal.services import services
from portal.zype.errors import ZypeError

bp = Blueprint("auth", __name__)


@bp.get("/sign-in")
def sign_in() -> Response:
    note = identity.take_note()
    return sign_in_page(
        next_path=known_path(request.args.get("next")),
        problem=note if note == Note.SIGNED_OUT_EVERYWHERE else None,
    )


@bp.post("/sign-in")
def send_password() -> Response:
    form = SignInForm()
    next_path = known_path(form.next.data)
    if not form.validate() or "password" not in services().settings.sign_in:
        return sign_in_page(form, next_path=next_path, status=422)
    result = password.sign_in(services(), form.email.data or "", form.password.data or "", _unauthenticated_actor())
    return _answer(result, form, next_path)


@bp.get("/sign-in/code")
def authorization_request() -> Response:
    next_path = known_path(request.args.get("next"))
    if "code" not in services().settings.sign_in:
        return see_other(HOME)
    try:
        response = authorization_code.authorization_request()
    except ZypeError as error:
        return _answer(result_of_error(error), None, next_path)
    identity.remember_next(next_path)
    identity.drop_old_pending_authorizations()
    return response


@bp.get(authorization_code.CALLBACK_PATH)
def callback() -> Response:
    if "code" not in services().settings.sign_in:
        return see_other(HOME)
    next_path = known_path(identity.next_path())
    result = authorization_code.callback(_unauthenticated_actor())
    if result is None:
        return sign_in_page(next_path=next_path, problem="cancelled")
    return _answer(result, None, next_path)


@bp.post("/sign-out")
def sign_out() -> Response:
    response = see_other(HOME)
    identity.sign_out()
    if not SignOutForm().keep_pin.data:
        pin_cookie.forget(response)
    return response


@bp.post("/sign-out/everywhere")
@viewer_required
def sign_out_everywhere(viewer: Viewer) -> Response:
    response = see_other("/sign-in")
    identity.sign_out_everywhere(viewer)
    identity.leave_note(Note.SIGNED_OUT_EVERYWHERE)
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


def _answer(result: SignInResult[Profile], form: SignInForm | None, next_path: str) -> Response:
    """Go on as the viewer who signed in, or say why nobody did."""
    if result.value is None:
        return sign_in_page(
            form,
            next_path=next_path,
            problem=result.outcome,
            retry_after=result.retry_after,
            status=STATUSES[result.outcome],
        )
    before = identity.current_viewer()
    identity.sign_in(result.value.consumer_id, result.value.name, result.value.email)
    language.remember(language.current_language())
    response = see_other(next_path)
    if before and before.consumer_id != result.value.consumer_id:
        # Somebody took the place of another without "Not you?": the PIN is not theirs.
        pin_cookie.forget(response)
    return response


def _unauthenticated_actor() -> Actor:
    """Return the viewer who tries to sign in, of whom only the address is known."""
    return Actor(ActorKind.VIEWER, "", request.remote_addr or "", g.request_id)
