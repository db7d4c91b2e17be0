"""Why no agent was signed in: the page that says so, the outcome in the ledger, and the line in the log."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

import structlog
from flask import request

from portal.domain.actors import ActorKind
from portal.domain.outcomes import SignInOutcome
from portal.pages.staff_auth.oidc.errors import ProviderError, ProviderMisconfigured, ProviderRefused
from portal.staff.accounts import Account

log = structlog.get_logger("portal.staff_auth")


class Problem(StrEnum):
    """Why no agent was signed in, with the status of the page that says so and the outcome in the ledger."""

    STALE = "stale", 400
    NO_COOKIES = "no_cookies", 400
    CANCELLED = "cancelled", 200, SignInOutcome.REFUSED
    REFUSED = "refused", 400
    TOO_OLD = "old_proof", 403, SignInOutcome.REFUSED
    NO_ROLE = "no_role", 403, SignInOutcome.REFUSED
    DISABLED = "disabled", 403, SignInOutcome.REFUSED
    WEAK = "weak", 403, SignInOutcome.REFUSED
    TOO_MANY = "too_many", 429
    UNAVAILABLE = "unavailable", 503, SignInOutcome.UNAVAILABLE
    MISCONFIGURED = "misconfigured", 503, SignInOutcome.MISCONFIGURED
    NO_AUTH_TIME = "no_auth_time", 503, SignInOutcome.MISCONFIGURED

    status: int
    outcome: SignInOutcome

    def __new__(cls, value: str, status: int, outcome: SignInOutcome = SignInOutcome.WRONG) -> Self:
        """Return a member whose value is the text alone."""
        member = str.__new__(cls, value)
        member._value_, member.status, member.outcome = value, status, outcome
        return member


# Signing in as somebody else, or out at the provider, may solve these.
OF_THE_ACCOUNT = (Problem.NO_ROLE, Problem.DISABLED, Problem.TOO_OLD)


@dataclass(frozen=True)
class ProviderSignIn:
    """How a sign-in with the provider ended: with a problem or an account. retry_after is in seconds."""

    problem: Problem | None
    agent_id: str = ""
    account: Account | None = None
    authenticated_at: datetime | None = None
    retry_after: int | None = None


def refused(problem: Problem, agent_id: str, reason: str) -> ProviderSignIn:
    """Return the result for somebody whom the provider authenticated or refused, and log the reason."""
    rule = request.url_rule.rule if request.url_rule else None
    log.warning("staff_sign_in_refused", error=reason, rule=rule, actor_kind=ActorKind.AGENT, actor_id=agent_id)
    return ProviderSignIn(problem, agent_id)


def problem_of(error: ProviderError) -> Problem:
    """Return the problem to show for an error of the provider, and log the error for the operator."""
    if isinstance(error, ProviderRefused):
        log.warning("staff_sign_in_refused", error=str(error))
        return Problem.REFUSED
    if isinstance(error, ProviderMisconfigured):
        log.error("staff_provider_misconfigured", error=str(error))
        return Problem.MISCONFIGURED
    log.warning("staff_provider_failed", error=str(error))
    return Problem.UNAVAILABLE
