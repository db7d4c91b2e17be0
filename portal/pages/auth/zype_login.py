"""How a viewer's token of Zype's login service becomes a result, whichever way to sign in it comes from."""

from math import ceil

import structlog

from portal.domain.outcomes import SignInOutcome
from portal.pages.auth.sign_in_attempts import RETRY_SECONDS, Profile, SignInResult
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import Misconfigured, ZypeError
from portal.zype.payloads import Token

log = structlog.get_logger("portal.auth")

REVOKE_SECONDS = 2.0


def result_of_token(zype: ZypeClient, token: Token, deadline: Deadline) -> SignInResult[Profile]:
    """Look up whose token it is, and revoke it: no token is kept.

    Args:
        zype: the client.
        token: of a viewer who has just signed in at Zype's login service.
        deadline: for everything but the revocation, which gets a little time of its own.
    """
    try:
        consumer_id = zype.token_info(token.access_token, deadline).consumer_id
    except ZypeError as error:
        return result_of_error(error)
    finally:
        _revoke(zype, token)
    return SignInResult(SignInOutcome.SIGNED_IN, _profile(zype, consumer_id, deadline))


def result_of_error(error: ZypeError) -> SignInResult[Profile]:
    """Return the result of a failed call to the login service, and log the error for the operator."""
    seconds = ceil(error.retry_after or RETRY_SECONDS)
    if isinstance(error, Misconfigured):
        log.error("zype_refused_our_client", error=str(error))
        return SignInResult(SignInOutcome.MISCONFIGURED, retry_after=seconds)
    log.warning("zype_login_failed", error=str(error))
    return SignInResult(SignInOutcome.UNAVAILABLE, retry_after=seconds)


def _profile(zype: ZypeClient, consumer_id: str, deadline: Deadline) -> Profile:
    try:
        consumer = zype.consumer(consumer_id, deadline)
    except ZypeError as error:
        # Without a name the pages say "your account"; the viewer can still sign in.
        log.warning("consumer_not_read", error=str(error))
        return Profile(consumer_id, None, None)
    return Profile(consumer_id, consumer.name, consumer.email)


def _revoke(zype: ZypeClient, token: Token) -> None:
    deadline = Deadline(REVOKE_SECONDS)
    for secret in (token.access_token, token.refresh_token):
        try:
            if secret:
                zype.revoke(secret, deadline)
        except ZypeError as error:
            # It expires by itself, and nobody has it any more.
            log.warning("token_not_revoked", error=str(error))
