"""Signing in with a local account: the password first, then the second factor; each try is an attempt in the ledger."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil

from portal.domain.actors import Actor
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt, Limited
from portal.ledger.limits import Limit
from portal.pages.auth.sign_in_attempts import limits, may_try
from portal.pages.auth.zype_login import RETRY_SECONDS
from portal.services import Services
from portal.staff.agents import Account


@dataclass(frozen=True)
class StaffSignIn:
    """How an agent's try to sign in ended.

    Args:
        outcome: half after a right password, signed_in after a right second factor, or why not.
        account: whose, for half and signed_in alone.
        kept: of the right password, for half alone: its session is good while that is kept.
        recovery_codes: to be shown once, where the second factor is new.
        retry_after: seconds until trying again may help.
    """

    outcome: SignInOutcome
    account: Account | None = None
    kept: str = field(default="", repr=False)
    recovery_codes: tuple[str, ...] = ()
    retry_after: int | None = None


def check_password(services: Services, name: str, password: str, actor: Actor) -> StaffSignIn:
    """Look at a name and a password, limited as the viewers' are.

    Args:
        services: the portal's.
        name: as it was typed.
        password: as it was typed.
        actor: where the attempt comes from; the ledger says whose account it was about, if there is one.

    Raises:
        LedgerUnavailable: the attempt could not be written, so nothing was looked at.
    """
    ledger, items = services.ledger, services.settings.limit_sign_in
    known = services.agents.find_local(name)
    actor = replace(actor, id=known.id if known else "")
    attempt = Attempt(Action.SIGN_IN, actor, subject_hash=ledger.keyring.staff_subject(name))
    begun = ledger.begin(attempt, limits(items), limited_outcome=SignInOutcome.TOO_MANY)
    if isinstance(begun, Limited):
        return StaffSignIn(SignInOutcome.TOO_MANY, retry_after=ceil(begun.seconds))
    if not may_try(ledger, attempt, items):
        result = StaffSignIn(SignInOutcome.UNAVAILABLE, retry_after=RETRY_SECONDS)
    else:
        verified = services.agents.verify(name, password)
        outcome = SignInOutcome.SECOND_FACTOR_REQUIRED if verified else SignInOutcome.WRONG
        result = StaffSignIn(outcome, *(verified or ()))
    if result.account and not services.second_factor.is_enrolled(result.account.id):
        services.second_factor.offer(result.account.id)
    ledger.finish(attempt, result.outcome)
    return result


def check_second_factor(services: Services, account: Account, code: str, actor: Actor) -> StaffSignIn:
    """Look at a code of the app, or a recovery code, of somebody who gave the right password.

    Args:
        services: the portal's.
        account: whose password it was.
        code: as it was typed.
        actor: where the attempt comes from.

    Raises:
        LedgerUnavailable: the attempt could not be written, so nothing was looked at.
    """

    def look() -> StaffSignIn:
        right = services.second_factor.verify(account.id, code)
        return StaffSignIn(SignInOutcome.SIGNED_IN, account) if right else StaffSignIn(SignInOutcome.WRONG)

    return _limited_by_account(services, account, actor, look)


def accept_second_factor(services: Services, account: Account, code: str, actor: Actor) -> StaffSignIn:
    """Give an account the second factor that it was offered, if the code comes from it. As ``check_second_factor``."""

    def look() -> StaffSignIn:
        codes = services.second_factor.accept(account.id, code)
        if codes is None:
            return StaffSignIn(SignInOutcome.WRONG)
        return StaffSignIn(SignInOutcome.SIGNED_IN, account, recovery_codes=codes)

    return _limited_by_account(services, account, actor, look)


def _limited_by_account(
    services: Services, account: Account, actor: Actor, look: Callable[[], StaffSignIn]
) -> StaffSignIn:
    """Look at a second factor unless too many were wrong, from wherever: who gets here knows the password."""
    ledger = services.ledger
    subject_hash = ledger.keyring.second_factor_subject(account.id)
    attempt = Attempt(Action.SIGN_IN, replace(actor, id=account.id), subject_hash=subject_hash)
    only = (Limit(("subject_hash",), services.settings.limit_sign_in),)
    begun = ledger.begin(attempt, only, limited_outcome=SignInOutcome.TOO_MANY)
    if isinstance(begun, Limited):
        return StaffSignIn(SignInOutcome.TOO_MANY, retry_after=ceil(begun.seconds))
    result = look()
    ledger.finish(attempt, result.outcome)
    return result
