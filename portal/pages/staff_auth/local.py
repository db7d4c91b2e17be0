"""Signing in with a local account: the password first, then the second factor. Each is an attempt in the ledger."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from portal.domain.actors import Actor, Reason
from portal.domain.outcomes import Action, ChangeOutcome, SignInOutcome
from portal.ledger.attempts import Attempt, RateLimited
from portal.ledger.limits import Limit
from portal.pages.auth.sign_in_attempts import SignInResult, run_attempt, run_password_attempt
from portal.services import Services
from portal.staff.accounts import Account

Value = TypeVar("Value")


def check_password(services: Services, name: str, password: str, actor: Actor) -> SignInResult[tuple[Account, str]]:
    """Check a name and a password as typed, with the limits of the viewers' passwords. Raises as ``Ledger.begin``.

    The value is what ``Agents.verify`` returns. The ledger names the account that was tried, if there is one.
    """
    account = services.agents.find_local(name)
    actor = replace(actor, id=account.id if account else "")
    attempt = Attempt(Action.SIGN_IN, actor, subject_hash=services.ledger.keyring.staff_subject(name))

    def verify() -> SignInResult[tuple[Account, str]]:
        verified = services.agents.verify(name, password)
        if verified is None:
            return SignInResult(SignInOutcome.WRONG)
        if services.agents.is_password_expired(verified[0]):
            return SignInResult(SignInOutcome.REFUSED)
        if not services.second_factor.is_enrolled(verified[0].id):
            services.second_factor.offer(verified[0].id)
        return SignInResult(SignInOutcome.SECOND_FACTOR_REQUIRED, verified)

    return run_password_attempt(services, attempt, verify)


def check_code(services: Services, account: Account, code: str, actor: Actor) -> SignInResult[Account]:
    """Check a code of the app or a recovery code, as typed, after the right password. Raises as ``Ledger.begin``."""
    return _run_code_attempt(
        services, account, actor, lambda: account if services.second_factor.verify(account.id, code) else None
    )


def enrol(services: Services, account: Account, code: str, actor: Actor) -> SignInResult[tuple[str, ...]]:
    """Enrol an account with the second factor that it was offered, if the code is one of it. Raises as ``check_code``.

    The value is the recovery codes, to be shown once.
    """
    own = replace(actor, id=account.id)
    return _run_code_attempt(services, account, actor, lambda: services.second_factor.accept(account.id, code, own))


def change_password(
    services: Services, account: Account, present: str | None, password: str, actor: Actor
) -> ChangeOutcome | RateLimited:
    """Give an account the password that its agent chose. Raises as ``Ledger.begin``.

    Args:
        present: the present password, as typed; none if the agent has just signed in.
        password: the new one, which the policy allows.
    """
    subject_hash = services.ledger.keyring.second_factor_subject(account.id)
    attempt = Attempt(Action.CHANGE_PASSWORD, actor, subject_hash=subject_hash, reason=Reason(account.id))
    begun = services.ledger.begin(attempt, (Limit(("subject_hash",), services.settings.limit_sign_in),))
    if isinstance(begun, RateLimited):
        return begun
    is_done = services.agents.change_password(account.id, present, password)
    outcome = ChangeOutcome.DONE if is_done else ChangeOutcome.WRONG
    services.ledger.finish(attempt, outcome)
    return outcome


def _run_code_attempt(
    services: Services, account: Account, actor: Actor, verify: Callable[[], Value | None]
) -> SignInResult[Value]:
    """Verify a code unless too many were wrong, from any address: whoever gets this far knows the password."""
    subject_hash = services.ledger.keyring.second_factor_subject(account.id)
    attempt = Attempt(Action.SIGN_IN, replace(actor, id=account.id), subject_hash=subject_hash)
    limit = Limit(("subject_hash",), services.settings.limit_sign_in)

    def authenticate() -> SignInResult[Value]:
        value = verify()
        return SignInResult(SignInOutcome.WRONG if value is None else SignInOutcome.SIGNED_IN, value)

    return run_attempt(services.ledger, attempt, (limit,), authenticate)
