"""Signing in with e-mail and password: our form, Zype's password grant."""

from portal.domain.actors import Actor
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt
from portal.pages.auth.sign_in_attempts import Profile, SignInResult, run_password_attempt
from portal.pages.auth.zype_login import result_of_error, result_of_token
from portal.services import Services
from portal.zype.deadline import Deadline
from portal.zype.errors import BadCredentials, ZypeError


def sign_in(services: Services, email: str, password: str, actor: Actor) -> SignInResult[Profile]:
    """Sign a viewer in with e-mail and password as typed.

    Raises:
        LedgerUnavailable: the attempt could not be written, so Zype was not asked.
    """
    attempt = Attempt(Action.SIGN_IN, actor, subject_hash=services.ledger.keyring.subject(email))

    def verify() -> SignInResult[Profile]:
        deadline = Deadline(services.settings.zype_deadline)
        try:
            token = services.zype.token(email, password, deadline)
        except BadCredentials:
            return SignInResult(SignInOutcome.WRONG)
        except ZypeError as error:
            return result_of_error(error)
        return result_of_token(services.zype, token, deadline)

    return run_password_attempt(services, attempt, verify)
