"""What every way to sign in ends with: a token becomes a consumer_id, and is revoked at once."""

from dataclasses import dataclass
from math import ceil

import structlog

from portal.domain.outcomes import SignInOutcome
from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import Misconfigured, ZypeError
from portal.zype.payloads import Token

log = structlog.get_logger("portal.auth")

RETRY_SECONDS = 5
REVOKE_SECONDS = 2.0


@dataclass(frozen=True)
class Profile:
    """Whose token it was.

    Args:
        consumer_id: the viewer's account at Zype.
        name: none if Zype has none, or could not be asked.
        email: likewise.
    """

    consumer_id: str
    name: str | None
    email: str | None


@dataclass(frozen=True)
class SignInResult:
    """How an attempt to sign in ended.

    Args:
        outcome: one of the closed set.
        profile: who signed in, for signed_in alone.
        retry_after: seconds until trying again may help.
    """

    outcome: SignInOutcome
    profile: Profile | None = None
    retry_after: int | None = None


def identify(zype: ZypeClient, token: Token, deadline: Deadline) -> Profile:
    """Return whose token it is, and revoke it: it is kept nowhere.

    Args:
        zype: the client.
        token: of a viewer who has just signed in at Zype's login service.
        deadline: for everything but the revocation, which gets a little time of its own.

    Raises:
        ZypeError: the login service does not say.
    """
    try:
        consumer_id = zype.token_info(token.access_token, deadline).consumer_id
    finally:
        _revoke(zype, token)
    try:
        consumer = zype.consumer(consumer_id, deadline)
    except ZypeError as error:
        # Without a name the pages say "your account"; that is no reason to turn the viewer away.
        log.warning("consumer_not_read", error=str(error))
        return Profile(consumer_id, None, None)
    return Profile(consumer_id, consumer.name, consumer.email)


def failed(error: ZypeError) -> SignInResult:
    """Return what a failure of the login service means, and tell the operator."""
    seconds = ceil(error.retry_after or RETRY_SECONDS)
    if isinstance(error, Misconfigured):
        log.error("zype_refused_our_client", error=str(error))
        return SignInResult(SignInOutcome.MISCONFIGURED, retry_after=seconds)
    log.warning("zype_login_failed", error=str(error))
    return SignInResult(SignInOutcome.UNAVAILABLE, retry_after=seconds)


def _revoke(zype: ZypeClient, token: Token) -> None:
    deadline = Deadline(REVOKE_SECONDS)
    for secret in (token.access_token, token.refresh_token):
        try:
            if secret:
                zype.revoke(secret, deadline)
        except ZypeError as error:
            # It ends by itself in time, and nobody has it any more.
            log.warning("token_not_revoked", error=str(error))
