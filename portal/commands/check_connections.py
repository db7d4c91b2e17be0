"""The checks of what the portal talks to but its database: Redis, Zype, other ways to sign in, the mail server."""

from contextlib import suppress
from uuid import uuid4

from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from portal.app import create_app
from portal.commands.findings import CheckFailed
from portal.commands.redis_faults import redis_fault
from portal.domain.counting import counted
from portal.mail.smtp import NotSent, smtp_client
from portal.pages.auth import authorization_code
from portal.pages.auth.handoff.errors import KeysUnavailable
from portal.pages.auth.handoff.keys import PublicKeys, keys_of
from portal.pages.auth.handoff.sign_in import PATH as HANDOFF_PATH
from portal.pages.staff_auth.oidc.provider import Provider
from portal.pages.staff_auth.oidc.sign_in import CALLBACK_PATH
from portal.pages.web.limits import KEY_PREFIX
from portal.services import EXTENSION
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.errors import BadCredentials, Misconfigured, NotFound

REDIS_SECONDS = 3
# An account that can't exist: asking for it shows whether our credentials are accepted, and nothing else.
UNKNOWN_ACCOUNT = "nobody@example.invalid"


def redis(settings: Settings, url: str) -> str:
    storage = storage_from_string(url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS)
    counter = (settings.limit_flood[0], KEY_PREFIX, "check", uuid4().hex)
    limiter = FixedWindowRateLimiter(storage)
    try:
        limiter.hit(*counter)
    except storage.base_exceptions as error:
        why = redis_fault(error, url)
        raise CheckFailed(f"{why}. Until that is mended, each worker counts floods by itself") from error
    try:
        limiter.clear(*counter)
    except storage.base_exceptions:
        # Nothing but a check deletes a counter. It ends by itself.
        return "it answers, and counts, but lets nothing be deleted"
    return "it answers, and counts"


def admin_key(zype: ZypeClient) -> str:
    try:
        zype.consumers_by_email(UNKNOWN_ACCOUNT)
    except Misconfigured as error:
        raise CheckFailed("it refuses PORTAL_ZYPE_API_KEY; an Admin key is needed") from error
    return "it answers, and accepts PORTAL_ZYPE_API_KEY, the Admin key, which finds viewers and reads their accounts"


def app_key(zype: ZypeClient) -> str:
    # A device that can't exist: with a key that is accepted, Zype knows of no PIN of it.
    with suppress(NotFound):
        try:
            zype.pin_status(uuid4().hex)
        except Misconfigured as error:
            raise CheckFailed("it refuses PORTAL_ZYPE_APP_KEY; the key of an app is needed") from error
    return "it answers, and accepts PORTAL_ZYPE_APP_KEY, the App key, which links and unlinks TVs and reads their PINs"


def password(zype: ZypeClient) -> str:
    try:
        zype.token(UNKNOWN_ACCOUNT, uuid4().hex)
    except BadCredentials:
        return "it answers, and accepts the client"
    except Misconfigured as error:
        raise CheckFailed("it refuses PORTAL_ZYPE_CLIENT_ID and PORTAL_ZYPE_CLIENT_SECRET") from error
    raise CheckFailed("it gave a token to an account that can't exist")


def sign_in_page(settings: Settings) -> str:
    app = create_app(settings)
    services = app.extensions[EXTENSION]
    try:
        with app.app_context():
            authorization_code.check_metadata()
    finally:
        services.zype.close()
        services.database.dispose()
    callback = f"{authorization_code.CALLBACK_PATH} behind PORTAL_PUBLIC_URL"
    return f"its metadata are right; register {callback} at Zype"


def handoff(settings: Settings) -> str:
    keys = keys_of(settings)
    if isinstance(keys, PublicKeys):
        try:
            found = counted(keys.load(), "key")
            return f"PORTAL_HANDOFF_JWKS_URL answers, with {found}; your site posts tokens to {HANDOFF_PATH}"
        except KeysUnavailable as error:
            raise CheckFailed(f"the keys of PORTAL_HANDOFF_JWKS_URL can't be had: {error}") from error
    return f"PORTAL_HANDOFF_KEY signs; your site posts tokens to {HANDOFF_PATH} behind PORTAL_PUBLIC_URL"


def staff_provider(settings: Settings) -> str:
    with Provider(settings).client() as client:
        client.check_client()
    origin = "PORTAL_STAFF_URL" if settings.staff_url else "PORTAL_PUBLIC_URL"
    return f"it answers, and accepts the client; register {CALLBACK_PATH} behind {origin} there"


def mail(settings: Settings) -> str:
    if settings.smtp_url is None:
        return "PORTAL_SMTP_URL is not set, so viewers get no mail"
    try:
        return f"the server of PORTAL_SMTP_URL {smtp_client(settings).check(settings.mail_from)}"
    except NotSent as error:
        raise CheckFailed(f"the server of PORTAL_SMTP_URL can't be used: {error}") from error
