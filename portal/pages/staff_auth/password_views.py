"""The page on which an agent with a local account chooses a password."""

from math import ceil
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from portal.domain.outcomes import ChangeOutcome
from portal.ledger.attempts import RateLimited
from portal.pages.auth.guards import agent_with_any_password_required
from portal.pages.identity import agent as staff_identity
from portal.pages.identity.agent import Agent
from portal.pages.staff_auth import local
from portal.pages.staff_auth.forms import ChangePasswordForm
from portal.pages.staff_auth.sign_in_page import known_staff_path, redirect_to
from portal.pages.web.forms import on_stale_form, stale_reason
from portal.pages.web.responses import render_page, status_of
from portal.services import services
from portal.staff.accounts import Account

bp = Blueprint("staff_password", __name__)

ACCOUNT = "/support/account"
PASSWORD = f"{ACCOUNT}/password"


@bp.get(PASSWORD)
@agent_with_any_password_required
def change_password(agent: Agent) -> Response:
    return _page(agent, ChangePasswordForm(formdata=None))


@bp.post(PASSWORD)
@agent_with_any_password_required
def send_new_password(agent: Agent) -> Response:
    form, account = ChangePasswordForm(), services().agents.find(agent.id)
    if account is None or not account.is_local:
        return redirect_to(ACCOUNT)
    form.context, form.needs_present = _context(account), not agent.is_fresh
    if not form.validate():
        return _page(agent, form, "invalid")
    present = form.present.data if form.needs_present else None
    result = local.change_password(services(), account, present, form.password.data or "", agent.actor)
    if isinstance(result, RateLimited):
        return _page(agent, form, ChangeOutcome.TOO_MANY, ceil(result.retry_after))
    if result is not ChangeOutcome.DONE:
        return _page(agent, form, result)
    staff_identity.end_others(agent)
    return redirect_to(_next())


@on_stale_form("staff_password.send_new_password")
@agent_with_any_password_required
def change_password_again(agent: Agent) -> Response:
    return _page(agent, ChangePasswordForm(), stale_reason())


def _page(
    agent: Agent, form: ChangePasswordForm, problem: str | None = None, retry_after: int | None = None
) -> Response:
    account = services().agents.find(agent.id)
    if account is None or not account.is_local:
        return redirect_to(ACCOUNT)
    context: dict[str, Any] = {"form": form, "problem": problem, "next": _next(), "retry_after": retry_after}
    context |= {"needs_present": not agent.is_fresh, "is_required": agent.has_to_change_password}
    return render_page("staff/change_password.html", status_of(problem), **context)


def _context(account: Account) -> tuple[str, ...]:
    """Return the names that whoever guesses knows."""
    settings = services().settings
    hosts = [urlsplit(url).hostname or "" for url in (settings.public_url, settings.console_url)]
    return ("Zype Activate", settings.brand_name, *hosts, account.id, account.name, account.email or "")


def _next() -> str:
    return known_staff_path(request.values.get("next") or ACCOUNT)
