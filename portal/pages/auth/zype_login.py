"""Signing in at Zype's login service: with email and password, and with the token that any way to sign in gives."""

from collections.abc import Callable
from math import ceil

import structlog

from portal.domain.actors import Actor
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt
from portal.pages.auth.sign_in_attempts import RETRY_SECONDS, SignInResult, run_password_attempt
from portal.pages.identity.viewer import Viewer
from portal.services import Services
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import TOKEN_PATH, BadCredentials, Busy, Misconfigured, ZypeError
from portal.zype.payloads import Consumer, Token

log = structlog.get_logger("portal.auth")

REVOKE_SECONDS = 2.0


def sign_in_with_password(services: Services, email: str, password: str, actor: Actor) -> SignInResult[Viewer]:
    """Sign a viewer in with email and password as typed: Zype's password grant. Raises as ``Ledger.begin``."""
    attempt = Attempt(Action.SIGN_IN, actor, subject_hash=services.ledger.keyring.subject(email))

    def verify() -> SignInResult[Viewer]:
        deadline = Deadline(services.settings.zype_deadline)
        try:
            with services.zype.operation("token", "POST", TOKEN_PATH):
                token = services.zype.token(email, password, deadline)
                return result_of_token(services, token, deadline)
        except BadCredentials:
            return SignInResult(SignInOutcome.WRONG)
        except ZypeError as error:
            return result_of_error(error)

    return run_password_attempt(services, attempt, verify)


def result_of_token(services: Services, token: Token, deadline: Deadline) -> SignInResult[Viewer]:
    """Look up who has just signed in, and revoke the token: none is kept. That gets a little time of its own."""
    zype = services.zype
    try:
        consumer_id = zype.token_info(token.access_token, deadline).consumer_id
        if services.settings.zype_app_key:
            viewer = _viewer(consumer_id, lambda: zype.own_consumer(consumer_id, token.access_token, deadline))
        else:
            viewer = viewer_of(services, consumer_id, deadline)
    except ZypeError as error:
        return result_of_error(error)
    finally:
        _revoke(zype, token)
    return SignInResult(SignInOutcome.SIGNED_IN, viewer)


def result_of_error(error: ZypeError) -> SignInResult[Viewer]:
    """Return the result of a failed call to the login service, and log the error for the operator."""
    seconds = ceil(error.retry_after or RETRY_SECONDS)
    if isinstance(error, Misconfigured):
        log.error("zype_refused_our_client", error=str(error))
        return SignInResult(SignInOutcome.MISCONFIGURED, retry_after=seconds)
    log.warning("zype_login_failed", error=str(error))
    outcome = SignInOutcome.BUSY if isinstance(error, Busy) else SignInOutcome.UNAVAILABLE
    return SignInResult(outcome, retry_after=seconds)


def viewer_of(services: Services, consumer_id: str, deadline: Deadline) -> Viewer:
    """Return the viewer with a consumer_id, with name and email if there is an Admin key to ask Zype with."""
    if services.settings.zype_api_key is None:
        return Viewer(consumer_id, None, None)
    return _viewer(consumer_id, lambda: services.zype.consumer(consumer_id, deadline))


def _viewer(consumer_id: str, read: Callable[[], Consumer]) -> Viewer:
    """Return a viewer with the name and email of their account, if that can be read now."""
    try:
        consumer = read()
    except ZypeError as error:
        # Without a name the pages say "your account"; the viewer can still sign in.
        log.warning("consumer_not_read", error=str(error))
        return Viewer(consumer_id, None, None)
    return Viewer(consumer_id, consumer.name, consumer.email)


def _revoke(zype: ZypeClient, token: Token) -> None:
    deadline = Deadline(REVOKE_SECONDS)
    for secret in (token.access_token, token.refresh_token):
        try:
            if secret:
                zype.revoke(secret, deadline)
        except ZypeError as error:
            # It expires by itself, and nobody has it any more.
            log.warning("token_not_revoked", error=str(error))
