"""Signing in with e-mail and password: our form, Zype's password grant."""

from math import ceil

from portal.domain.actors import Actor
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt, Limited
from portal.pages.auth.sign_in_attempts import limits, may_try
from portal.pages.auth.zype_login import RETRY_SECONDS, SignInResult, failed, identify
from portal.services import Services
from portal.zype.deadline import Deadline
from portal.zype.errors import BadCredentials, ZypeError


def sign_in(services: Services, email: str, password: str, actor: Actor) -> SignInResult:
    """Sign a viewer in.

    Args:
        services: the portal's.
        email: as it was typed.
        password: as it was typed.
        actor: where the attempt comes from.

    Raises:
        LedgerUnavailable: the attempt could not be written, so Zype was not asked.
    """
    ledger = services.ledger
    attempt = Attempt(Action.SIGN_IN, actor, subject_hash=ledger.keyring.subject(email))
    items = services.settings.limit_sign_in
    begun = ledger.begin(attempt, limits(items), limited_outcome=SignInOutcome.TOO_MANY)
    if isinstance(begun, Limited):
        return SignInResult(SignInOutcome.TOO_MANY, retry_after=ceil(begun.seconds))
    result = _ask(services, email, password, attempt)
    consumer_id = result.profile.consumer_id if result.profile else None
    ledger.finish(attempt, result.outcome, consumer_id=consumer_id)
    return result


def _ask(services: Services, email: str, password: str, attempt: Attempt) -> SignInResult:
    if not may_try(services.ledger, attempt, services.settings.limit_sign_in):
        return SignInResult(SignInOutcome.UNAVAILABLE, retry_after=RETRY_SECONDS)
    deadline = Deadline(services.settings.zype_deadline)
    try:
        token = services.zype.token(email, password, deadline)
    except BadCredentials:
        return SignInResult(SignInOutcome.WRONG)
    except ZypeError as error:
        return failed(error)
    try:
        return SignInResult(SignInOutcome.SIGNED_IN, identify(services.zype, token, deadline))
    except ZypeError as error:
        return failed(error)
