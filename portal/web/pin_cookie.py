"""The PIN between two requests: in an encrypted cookie, for half an hour at most."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Response, request

from portal.config import Settings
from portal.keys import LedgerKey, Purpose, derive
from portal.pins import MalformedPin, Pin
from portal.services import services

LIFETIME_SECONDS = 30 * 60


def keep(response: Response, pin: Pin) -> None:
    """Send a PIN along with an answer, so that the next request has it."""
    settings = services().settings
    response.set_cookie(
        _name(settings),
        _fernet(settings).encrypt(pin.secret.encode()).decode(),
        max_age=LIFETIME_SECONDS,
        secure=settings.is_https,
        httponly=True,
        samesite="Lax",
    )


def keep_typed(response: Response, typed: str) -> None:
    """Send along what was typed, if it can be a PIN at all; if not, what was kept before is forgotten."""
    try:
        keep(response, services().settings.pin_rules.normalise(typed))
    except MalformedPin:
        forget(response)


def read() -> Pin | None:
    """Return the PIN that this request brings along, or none if there is none or its time is up."""
    settings = services().settings
    value = request.cookies.get(_name(settings))
    if value is None:
        return None
    try:
        return Pin(_fernet(settings).decrypt(value.encode(), ttl=LIFETIME_SECONDS).decode())
    except (InvalidToken, UnicodeError):
        return None


def forget(response: Response) -> None:
    """Take the PIN out of the browser."""
    settings = services().settings
    if _name(settings) in request.cookies:
        response.delete_cookie(_name(settings), secure=settings.is_https, httponly=True, samesite="Lax")


def handle(pin: Pin) -> str:
    """Return a text that stands for a PIN in a form, and tells nothing of it."""
    secret = services().settings.secret_key.get_secret_value().encode()
    return LedgerKey(secret).digest(Purpose.PIN_SHOWN, pin.secret)


def _name(settings: Settings) -> str:
    return "__Host-activate-pin" if settings.is_https else "activate-pin"


def _fernet(settings: Settings) -> MultiFernet:
    secrets = [settings.secret_key, settings.secret_key_previous]
    keys = [derive(secret.get_secret_value().encode(), Purpose.PIN_COOKIE) for secret in secrets if secret]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
