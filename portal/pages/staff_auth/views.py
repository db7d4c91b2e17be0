"""The pages on which support staff sign in with a local account, and sign out."""

from collections.abc import Callable
from functools import wraps

import segno
from flask import Blueprint, Response, g, request
from markupsafe import Markup
from pyotp import TOTP

from portal.domain.actors import Actor, ActorKind
from portal.pages.auth.guards import agent_required, fresh_agent_required
from portal.pages.auth.sign_in_attempts import STATUSES
from portal.pages.identity import agent as staff_identity
from portal.pages.identity.agent import Agent
from portal.pages.staff_auth import local
from portal.pages.staff_auth.forms import SecondFactorForm, StaffSignInForm
from portal.pages.staff_auth.sign_in_page import SIGN_IN, go, known_staff_path, staff_sign_in_page
from portal.pages.web.error_pages import error_page
from portal.pages.web.forms import on_stale_form
from portal.pages.web.responses import render_page
from portal.services import services
from portal.staff.agents import Account

bp = Blueprint("staff", __name__)

SECOND_FACTOR = f"{SIGN_IN}/second-factor"
ENROL = f"{SIGN_IN}/enrol"
CODE_FORMS = ("staff.send_code", "staff.send_first_code")
# The secret is shown in groups of so many characters, for those who type it.
GROUP = 4


def half_signed_in_required(view: Callable[[Account], Response]) -> Callable[[], Response]:
    """Hand whoever gave a right password to a view; everybody else begins anew."""

    @wraps(view)
    def guarded() -> Response:
        account = staff_identity.half_signed_in()
        if account is None:
            return go(SIGN_IN, _next())
        return view(account)

    return guarded


@bp.get(SIGN_IN)
def sign_in() -> Response:
    return staff_sign_in_page(next_path=_next(), reauthenticate="again" in request.args)


@bp.post(SIGN_IN)
def send_password() -> Response:
    form = StaffSignInForm()
    if not form.validate():
        return staff_sign_in_page(form, next_path=_next(), status=422)
    result = local.check_password(services(), form.name.data or "", form.password.data or "", _unauthenticated_actor())
    if result.value is None:
        return staff_sign_in_page(
            form,
            next_path=_next(),
            problem=result.outcome,
            retry_after=result.retry_after,
            status=STATUSES[result.outcome],
        )
    response = go(SECOND_FACTOR, _next())
    begun = staff_identity.begin_half(response, *result.value)
    return response if begun else go(SIGN_IN, _next())


@bp.get(SECOND_FACTOR)
@half_signed_in_required
def second_factor(account: Account) -> Response:
    if not services().second_factor.is_enrolled(account.id):
        return go(ENROL, _next())
    return _second_factor_page()


@bp.post(SECOND_FACTOR)
@half_signed_in_required
def send_code(account: Account) -> Response:
    form = SecondFactorForm()
    if not form.validate():
        return _second_factor_page(form, status=422)
    result = local.check_code(services(), account, form.code.data or "", _unauthenticated_actor())
    if result.value is None:
        return _second_factor_page(None, result.outcome, result.retry_after, STATUSES[result.outcome])
    response = go(_next())
    return response if staff_identity.begin_whole(response, account) else go(SIGN_IN, _next())


@bp.get(ENROL)
@half_signed_in_required
def enrol(account: Account) -> Response:
    return _enrol_page(account)


@bp.post(ENROL)
@half_signed_in_required
def send_first_code(account: Account) -> Response:
    form = SecondFactorForm()
    if not form.validate():
        return _enrol_page(account, form, status=422)
    result = local.enrol(services(), account, form.code.data or "", _unauthenticated_actor())
    if result.value is None:
        return _enrol_page(account, None, result.outcome, result.retry_after, STATUSES[result.outcome])
    # Shown in the answer itself, since nobody but the agent keeps them.
    response = render_page("staff/recovery_codes.html", codes=result.value, next=_next())
    return response if staff_identity.begin_whole(response, account) else go(SIGN_IN, _next())


@bp.get("/support/account")
@agent_required
def account(agent: Agent) -> Response:
    own = services().agents.find(agent.id)
    left = services().second_factor.recovery_codes_left(agent.id) if own and own.is_local else None
    return render_page("staff/account.html", codes_left=left)


@bp.post("/support/account/recovery-codes")
@fresh_agent_required
def renew_recovery_codes(agent: Agent) -> Response:
    codes = services().second_factor.renew_recovery_codes(agent.id)
    if codes is None:
        return go("/support/account")
    return render_page("staff/recovery_codes.html", codes=codes, next="/support/account")


@bp.post("/support/sign-out")
def sign_out() -> Response:
    response = go(SIGN_IN)
    staff_identity.end(response)
    return response


@bp.post("/support/sign-out/everywhere")
@agent_required
def sign_out_everywhere(agent: Agent) -> Response:
    services().agents.sign_out(agent.id)
    response = go(SIGN_IN)
    staff_identity.end(response)
    return response


@on_stale_form("staff")
def sign_in_again() -> Response:
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        # Another site sent it: a form here would set new cookies in place of the agent's.
        return go(SIGN_IN)
    if request.endpoint == "staff.send_password":
        return staff_sign_in_page(StaffSignInForm(), next_path=_next(), problem="stale", status=422)
    owing = staff_identity.half_signed_in() if request.endpoint in CODE_FORMS else None
    if owing and request.endpoint == "staff.send_code":
        return _second_factor_page(problem="stale", status=422)
    return _enrol_page(owing, problem="stale", status=422) if owing else error_page(400, "stale")


def _second_factor_page(
    form: SecondFactorForm | None = None, problem: str | None = None, retry_after: int | None = None, status: int = 200
) -> Response:
    return _code_page("staff/second_factor.html", form, problem, retry_after, status)


def _enrol_page(
    account: Account,
    form: SecondFactorForm | None = None,
    problem: str | None = None,
    retry_after: int | None = None,
    status: int = 200,
) -> Response:
    """Return the page that shows the secret that is offered; who has a second factor gets no other one."""
    secret = services().second_factor.offered(account.id)
    if secret is None:
        return go(SECOND_FACTOR if services().second_factor.is_enrolled(account.id) else SIGN_IN, _next())
    uri = TOTP(secret).provisioning_uri(name=account.id, issuer_name=services().settings.brand_name)
    # Dark on light in dark mode too, since few apps read it the other way round.
    picture = segno.make(uri, error="m", micro=False).svg_inline(
        omitsize=True, svgclass=None, lineclass=None, light="#fff"
    )
    groups = [secret[start : start + GROUP] for start in range(0, len(secret), GROUP)]
    return _code_page(
        "staff/enrol.html",
        form,
        problem,
        retry_after,
        status,
        picture=Markup(picture),  # noqa: S704 - drawn by segno, from no text
        groups=groups,
    )


def _code_page(
    template: str,
    form: SecondFactorForm | None,
    problem: str | None,
    retry_after: int | None,
    status: int,
    **facts: object,
) -> Response:
    form = form or SecondFactorForm(formdata=None)
    # A code is never shown again.
    form.code.data = None
    return render_page(template, status, retry_after=retry_after, form=form, problem=problem, next=_next(), **facts)


def _next() -> str:
    """Return where to go on after sign-in, as the form or the link that led here says."""
    return known_staff_path(request.values.get("next"))


def _unauthenticated_actor() -> Actor:
    """Return who tries to sign in, of whom only the address is known."""
    return Actor(ActorKind.AGENT, "", request.remote_addr or "", g.request_id)
