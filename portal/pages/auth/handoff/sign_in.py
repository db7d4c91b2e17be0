"""Signing in a viewer whom the operator's site hands over: an attempt in the ledger, as every other way to sign in."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from flask import Flask, current_app, request

from portal.domain.actors import Actor
from portal.domain.hosts import without_default_port
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt
from portal.pages.auth.handoff.errors import KeysUnavailable, TokenRefused
from portal.pages.auth.sign_in_attempts import RETRY_SECONDS, SignInResult, run_attempt, sign_in_address_limits
from portal.pages.auth.zype_login import viewer_of
from portal.pages.identity import viewer as identity
from portal.pages.identity.viewer import Viewer
from portal.services import services
from portal.settings.settings import Settings
from portal.zype.deadline import Deadline

if TYPE_CHECKING:
    from portal.pages.auth.handoff.keys import Keys
    from portal.pages.auth.handoff.token import HandedOff

log = structlog.get_logger("portal.auth")

PATH = "/sign-in/handoff"
# The way from a hand-off to the next page takes no longer.
JUST_NOW = timedelta(minutes=1)
_EXTENSION = "portal.handoff"
_READER = "portal.handoff.reader"


def init_app(app: Flask, settings: Settings) -> None:
    """Set up the keys and what reads a token, if this is a way to sign in."""
    if "handoff" in settings.sign_in:
        # Only then is joserfc imported, which takes a twentieth of the time in which the portal starts.
        app.extensions[_EXTENSION] = import_module("portal.pages.auth.handoff.keys").keys_of(settings)
        app.extensions[_READER] = import_module("portal.pages.auth.handoff.token").read_token


def sign_in(token: str, actor: Actor) -> SignInResult[Viewer]:
    """Sign in the viewer of a token, once. Raises as ``Ledger.begin``, and SQLAlchemyError if it can't be marked used.

    The outcome of a token that is refused is WRONG.
    """
    limits = sign_in_address_limits(services().settings)
    return run_attempt(services().ledger, Attempt(Action.SIGN_IN, actor), limits, lambda: _result(token))


def is_without_cookies() -> bool:
    """Tell whether the site has just handed this browser over, and the browser has kept no cookie.

    It would be sent round between the two without a word. A first visit by a link of the site looks the same, except
    that nobody has just signed in from its address. Raises sqlalchemy.exc.SQLAlchemyError.
    """
    is_sent_back = not identity.has_cookie() and _origin(request.referrer or "") in _site_origins()
    if "handoff" not in services().settings.sign_in or not is_sent_back:
        return False
    hashes = services().ledger.keyring.addresses(request.remote_addr or "")
    return services().history.has_signed_in(hashes, JUST_NOW)


def _result(token: str) -> SignInResult[Viewer]:
    try:
        _check_origin()
        handed_off = _read(token)
        if not services().used_tokens.use(handed_off.token_id):
            raise TokenRefused("used before")
    except TokenRefused as error:
        log.warning("handoff_refused", reason=str(error))
        return SignInResult(SignInOutcome.WRONG)
    except KeysUnavailable as error:
        log.warning("handoff_keys_unavailable", reason=str(error))
        return SignInResult(SignInOutcome.UNAVAILABLE, retry_after=RETRY_SECONDS)
    return SignInResult(SignInOutcome.SIGNED_IN, _viewer(handed_off), pin=handed_off.pin)


def _viewer(handed_off: "HandedOff") -> Viewer:
    if handed_off.name or handed_off.email:
        return Viewer(handed_off.consumer_id, handed_off.name, handed_off.email)
    return viewer_of(services(), handed_off.consumer_id, Deadline(services().settings.zype_deadline))


def _check_origin() -> None:
    """Refuse a form that a page of another origin than the operator's sent.

    Whoever has an account gets tokens of their own. So a stranger could sign a viewer's browser in to the stranger's
    account, where the viewer's next TV would be linked (login CSRF). Neither cookies nor a CSRF token come along with a
    form of another site; the Origin does, and no page can forge it. Browsers that send none are older than 2020.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin not in _site_origins():
        raise TokenRefused("a page of another origin sent it, or one whose Referrer-Policy hides its origin")


def _site_origins() -> list[str]:
    settings = services().settings
    return [_origin(url) for url in (settings.handoff_url, settings.handoff_issuer) if url and "://" in url]


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{without_default_port(parts.netloc, parts.scheme)}"


def _read(token: str) -> "HandedOff":
    keys: Keys = current_app.extensions[_EXTENSION]
    read_token: Callable[[str, Settings, Keys], HandedOff] = current_app.extensions[_READER]
    return read_token(token, services().settings, keys)
