"""The pages on which support staff sign in with a local account, look after it, and sign out."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import segno
from flask import Blueprint, Response, request
from markupsafe import Markup
from pyotp import TOTP

from portal.domain.actors import ActorKind
from portal.pages.auth.guards import agent_required, agent_with_any_password_required, fresh_agent_required
from portal.pages.identity import agent as staff_identity
from portal.pages.identity import draft
from portal.pages.identity.actor import request_actor
from portal.pages.identity.agent import Agent
from portal.pages.staff_auth import local
from portal.pages.staff_auth.forms import SecondFactorForm, StaffSignInForm
from portal.pages.staff_auth.sign_in_page import SIGN_IN, known_staff_path, redirect_to, staff_sign_in_page
from portal.pages.web.error_pages import error_page
from portal.pages.web.forms import is_from_another_site, on_stale_form, stale_reason
from portal.pages.web.responses import render_page
from portal.services import services
from portal.staff.accounts import Account

bp = Blueprint("staff", __name__)

SECOND_FACTOR = f"{SIGN_IN}/second-factor"
ENROL = f"{SIGN_IN}/enrol"
ACCOUNT = "/support/account"
# The secret is shown in groups of this many characters, for those who type it.
GROUP_LENGTH = 4


def pending_agent_required(view: Callable[[Account], Response]) -> Callable[[], Response]:
    """Pass the account whose password was given to a view; without one, redirect to the first step of the sign-in."""

    @wraps(view)
    def guarded() -> Response:
        account = staff_identity.pending_agent()
        return view(account) if account else redirect_to(SIGN_IN, _next())

    return guarded


@bp.get(SIGN_IN)
def sign_in() -> Response:
    agent, reauthenticate = staff_identity.current_agent(), "again" in request.args
    if agent and (agent.is_fresh or not reauthenticate):
        return redirect_to(_next())
    return staff_sign_in_page(next_path=_next(), reauthenticate=reauthenticate)


@bp.post(SIGN_IN)
def send_password() -> Response:
    form = StaffSignInForm()
    agent = staff_identity.current_agent()
    if agent and agent.is_fresh:
        # Another tab was faster.
        return redirect_to(_next())
    if not form.validate():
        return staff_sign_in_page(form, next_path=_next(), status=422)
    actor = request_actor(ActorKind.AGENT)
    result = local.check_password(services(), form.name.data or "", form.password.data or "", actor)
    if result.value is None:
        return staff_sign_in_page(form, next_path=_next(), **result.problem())
    response = redirect_to(SECOND_FACTOR, _next())
    return response if staff_identity.begin_pending(response, *result.value) else redirect_to(SIGN_IN, _next())


@bp.get(SECOND_FACTOR)
@pending_agent_required
def second_factor(account: Account) -> Response:
    if not services().second_factor.is_enrolled(account.id):
        return redirect_to(ENROL, _next())
    return _second_factor_page()


@bp.post(SECOND_FACTOR)
@pending_agent_required
def send_code(account: Account) -> Response:
    form = SecondFactorForm()
    if not form.validate():
        return _second_factor_page(form, status=422)
    result = local.check_code(services(), account, form.code.data or "", request_actor(ActorKind.AGENT))
    if result.value is None:
        return _second_factor_page(**result.problem())
    response = redirect_to(_next())
    return response if staff_identity.complete_pending(response, account) else redirect_to(SIGN_IN, _next())


@bp.get(ENROL)
@pending_agent_required
def enrol(account: Account) -> Response:
    return _enrol_page(account)


@bp.post(ENROL)
@pending_agent_required
def send_first_code(account: Account) -> Response:
    form = SecondFactorForm()
    if not form.validate():
        return _enrol_page(account, form, status=422)
    result = local.enrol(services(), account, form.code.data or "", request_actor(ActorKind.AGENT))
    if result.value is None:
        return _enrol_page(account, **result.problem())
    # Shown in the response itself: the portal stores only their hashes.
    response = render_page("staff/recovery_codes.html", codes=result.value, next=_next())
    return response if staff_identity.complete_pending(response, account) else redirect_to(SIGN_IN, _next())


@bp.get(ACCOUNT)
@agent_required
def account(agent: Agent) -> Response:
    return _account_page(agent)


@bp.post(f"{ACCOUNT}/recovery-codes")
@fresh_agent_required
def renew_recovery_codes(agent: Agent) -> Response:
    codes = services().second_factor.renew_recovery_codes(agent.id, agent.actor)
    if codes is None:
        return redirect_to(ACCOUNT)
    return render_page("staff/recovery_codes.html", codes=codes, next=ACCOUNT)


@bp.post("/support/sign-out")
def sign_out() -> Response:
    response = redirect_to(SIGN_IN)
    staff_identity.end(response)
    draft.forget(response)
    return response


@bp.post("/support/sign-out/everywhere")
@agent_with_any_password_required
def sign_out_everywhere(agent: Agent) -> Response:
    services().agents.sign_out(agent.id, agent.actor)
    return sign_out()


@on_stale_form("staff.send_password", "staff.send_code", "staff.send_first_code")
def sign_in_again() -> Response:
    account = staff_identity.pending_agent()
    if is_from_another_site() or (account is None and staff_identity.current_agent()):
        # A form for another site would set new cookies in place of the agent's; an agent was signed in by another tab.
        return redirect_to(SIGN_IN if is_from_another_site() else _next())
    stale: dict[str, Any] = {"problem": stale_reason(), "status": 422}
    if request.endpoint == "staff.send_code" and account:
        return _second_factor_page(**stale)
    if request.endpoint == "staff.send_first_code" and account:
        return _enrol_page(account, **stale)
    return staff_sign_in_page(StaffSignInForm(), next_path=_next(), **stale)


@on_stale_form("staff.sign_out", "staff.sign_out_everywhere")
def confirm_sign_out() -> Response:
    if is_from_another_site() or not staff_identity.has_session():
        return redirect_to(SIGN_IN)
    return render_page("staff/sign_out.html", 422, action=request.path)


@on_stale_form("staff.renew_recovery_codes")
@agent_required
def account_again(agent: Agent) -> Response:
    return _account_page(agent, status=422)


@on_stale_form("staff")
def start_again() -> Response:
    return error_page(400, stale_reason())


def _account_page(agent: Agent, status: int = 200) -> Response:
    own = services().agents.find(agent.id)
    left = services().second_factor.recovery_codes_left(agent.id) if own and own.is_local else None
    return render_page("staff/account.html", status, codes_left=left)


def _second_factor_page(form: SecondFactorForm | None = None, **context: Any) -> Response:
    return _code_page("staff/second_factor.html", form, **context)


def _enrol_page(account: Account, form: SecondFactorForm | None = None, **context: Any) -> Response:
    """Return the page that shows the secret that is offered; an account with a second factor is offered none."""
    secret = services().second_factor.offered(account.id)
    if secret is None:
        is_enrolled = services().second_factor.is_enrolled(account.id)
        return redirect_to(SECOND_FACTOR if is_enrolled else SIGN_IN, _next())
    uri = TOTP(secret).provisioning_uri(name=account.id, issuer_name=services().settings.brand_name)
    # Dark on light in dark mode too, since few apps read it the other way round.
    svg = segno.make(uri, error="m", micro=False).svg_inline(omitsize=True, svgclass=None, lineclass=None, light="#fff")
    picture = Markup(svg)  # noqa: S704 - drawn by segno, from no text
    groups = [secret[start : start + GROUP_LENGTH] for start in range(0, len(secret), GROUP_LENGTH)]
    return _code_page("staff/enrol.html", form, picture=picture, groups=groups, **context)


def _code_page(
    template: str, form: SecondFactorForm | None, *, problem: str | None = None, status: int = 200, **context: Any
) -> Response:
    form = form or SecondFactorForm(formdata=None)
    # A code is never shown again.
    form.code.data = None
    return render_page(template, status, form=form, problem=problem, next=_next(), **context)


def _next() -> str:
    """Return where to go on after sign-in, from the form or the link."""
    return known_staff_path(request.values.get("next"))
