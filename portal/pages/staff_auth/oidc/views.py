"""The authorization request to the staff's identity provider, and its callback."""

from urllib.parse import quote

from flask import Blueprint, Response, current_app, redirect, request

from portal.database.authorizations import AuthorizationKind
from portal.domain.actors import ActorKind
from portal.pages.auth import pending_authorizations
from portal.pages.auth.sign_in_attempts import RETRY_SECONDS
from portal.pages.identity import agent as staff_identity
from portal.pages.identity import viewer as identity
from portal.pages.identity.actor import request_actor
from portal.pages.staff_auth.oidc import sign_in as staff_oidc
from portal.pages.staff_auth.oidc.errors import ProviderError
from portal.pages.staff_auth.oidc.problems import OF_THE_ACCOUNT, Problem, ProviderSignIn, problem_of
from portal.pages.staff_auth.provider_link import is_from_our_page, link_token
from portal.pages.staff_auth.sign_in_page import SIGN_IN, known_staff_path, redirect_to
from portal.pages.web.origins import CONSOLE
from portal.pages.web.responses import render_page, see_other
from portal.services import services

bp = Blueprint("staff_oidc", __name__)

SIGN_OUT_AT_PROVIDER = "/support/sign-out/provider"


@bp.get(f"{SIGN_IN}/provider")
def authorization_request() -> Response:
    next_path = known_staff_path(request.args.get("next"))
    if not services().settings.staff_oidc_issuer:
        return redirect_to(SIGN_IN, next_path)
    reauthenticate = "again" in request.args
    agent = staff_identity.current_agent()
    if agent and (agent.is_fresh or not reauthenticate):
        return redirect_to(next_path)
    if not is_from_our_page():
        # From elsewhere it leads to the page with the link, which keeps where to go on.
        return see_other(f"{SIGN_IN}?next={quote(next_path)}{'&again=1' if reauthenticate else ''}")
    return _to_provider(next_path, reauthenticate)


@bp.get(SIGN_OUT_AT_PROVIDER)
def sign_out_at_provider() -> Response:
    may_sign_out = staff_identity.has_to_choose_account()
    if not services().settings.staff_oidc_issuer or not may_sign_out or not is_from_our_page():
        return redirect_to(SIGN_IN)
    try:
        url = staff_oidc.end_session_url(SIGN_IN)
    except ProviderError as error:
        return _problem_page(problem_of(error))
    return current_app.make_response(redirect(url, 302)) if url else redirect_to(SIGN_IN)


@bp.get(staff_oidc.CALLBACK_PATH)
def callback() -> Response:
    if not services().settings.staff_oidc_issuer:
        return redirect_to(SIGN_IN)
    authorization = pending_authorizations.take(AuthorizationKind.AGENT)
    pending = staff_oidc.pending_of(authorization)
    if pending is None:
        if staff_identity.current_agent():
            # A reload, or another tab was faster.
            return redirect_to(known_staff_path(authorization.next_path if authorization else None))
        is_without_cookies = authorization is not None and not identity.has_cookie()
        return _problem_page(Problem.NO_COOKIES if is_without_cookies else Problem.STALE)
    if staff_oidc.lacks_selection(pending):
        # So that the next request asks for the password.
        staff_identity.remember_no_selection()
        return _to_provider(pending.next_path, reauthenticate=False)
    result = staff_oidc.callback(pending, request_actor(ActorKind.AGENT))
    if result.account is None:
        if result.problem is Problem.CANCELLED and staff_identity.current_agent():
            return redirect_to(pending.next_path)
        return _result_page(result, pending.next_path, pending.reauthenticate)
    response = redirect_to(pending.next_path)
    staff_identity.begin(response, result.account, authenticated_at=result.authenticated_at)
    return response


def _to_provider(next_path: str, reauthenticate: bool) -> Response:
    try:
        url = staff_oidc.authorization_url(next_path, reauthenticate)
    except ProviderError as error:
        return _problem_page(problem_of(error), next_path, reauthenticate)
    if isinstance(url, ProviderSignIn):
        return _result_page(url, next_path, reauthenticate)
    return current_app.make_response(redirect(url, 302))


def _result_page(result: ProviderSignIn, next_path: str, reauthenticate: bool) -> Response:
    if result.problem in OF_THE_ACCOUNT:
        staff_identity.remember_refusal()
    # What was too weak or too old would be so again if the provider asked nothing.
    reauthenticate = reauthenticate or result.problem in (Problem.WEAK, Problem.TOO_OLD)
    return _problem_page(result.problem or Problem.REFUSED, next_path, reauthenticate, result.retry_after)


def _problem_page(
    problem: Problem, next_path: str = CONSOLE, reauthenticate: bool = False, retry_after: int | None = None
) -> Response:
    """Return the page that says why nobody was signed in."""
    return render_page(
        "staff/provider_problem.html",
        problem.status,
        retry_after=RETRY_SECONDS if problem.status == 503 else retry_after,
        problem=problem,
        link_token=link_token() if problem in OF_THE_ACCOUNT else None,
        next=next_path,
        reauthenticate=reauthenticate,
        failed=False,
    )
