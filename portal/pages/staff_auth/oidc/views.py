"""The way to the staff's identity provider, and back."""

from flask import Blueprint, Response, current_app, g, make_response, redirect, render_template, request

from portal.domain.actors import Actor, ActorKind
from portal.pages.auth.zype_login import RETRY_SECONDS
from portal.pages.identity import agent as staff_identity
from portal.pages.staff_auth.oidc import sign_in as staff_oidc
from portal.pages.staff_auth.oidc.errors import ProviderError
from portal.pages.staff_auth.oidc.sign_in import Problem
from portal.pages.staff_auth.sign_in_page import HOME, SIGN_IN, go, known_staff_path, with_wait
from portal.pages.web.waiting_time import in_words
from portal.services import services

bp = Blueprint("staff_oidc", __name__)

SET_OUT = f"{SIGN_IN}/provider"
STATUSES = {
    Problem.STALE: 400,
    Problem.CANCELLED: 200,
    Problem.REFUSED: 400,
    Problem.OLD_PROOF: 403,
    Problem.NO_ROLE: 403,
    Problem.DISABLED: 403,
    Problem.TOO_MANY: 429,
    Problem.UNAVAILABLE: 503,
    Problem.MISCONFIGURED: 503,
    Problem.NO_AUTH_TIME: 503,
}


@bp.get(SET_OUT)
def set_out() -> Response:
    next_path = known_staff_path(request.args.get("next"))
    if not services().settings.staff_oidc_issuer:
        return go(SIGN_IN, next_path)
    has_to_prove = "again" in request.args
    try:
        address = staff_oidc.set_out(next_path, has_to_prove)
    except ProviderError as error:
        return _problem_page(staff_oidc.failed(error), next_path, has_to_prove)
    return current_app.make_response(redirect(address))


@bp.get(staff_oidc.CALLBACK_PATH)
def come_back() -> Response:
    if not services().settings.staff_oidc_issuer:
        return go(SIGN_IN)
    departure = staff_oidc.arrived()
    if departure is None:
        return _problem_page(Problem.STALE)
    somebody = Actor(ActorKind.AGENT, "", request.remote_addr or "", g.request_id)
    arrival = staff_oidc.finish(departure, somebody)
    if arrival.account is None:
        problem = arrival.problem or Problem.REFUSED
        return _problem_page(problem, departure.next_path, departure.has_to_prove, arrival.retry_after)
    response = go(departure.next_path)
    staff_identity.begin(response, arrival.account, authenticated_at=arrival.proved_at)
    return response


def _problem_page(
    problem: Problem, next_path: str = HOME, has_to_prove: bool = False, retry_after: int | None = None
) -> Response:
    """Return the page that says why nobody was signed in, and what to do next."""
    status = STATUSES[problem]
    retry_after = RETRY_SECONDS if status == 503 else retry_after
    page = render_template(
        "staff/provider_problem.html",
        problem=problem,
        next=next_path,
        has_to_prove=has_to_prove,
        wait=in_words(retry_after),
    )
    return with_wait(make_response(page, status), retry_after)
