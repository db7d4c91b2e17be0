"""The PIN between two requests: in an encrypted cookie, for at most half an hour."""

from dataclasses import dataclass

from cryptography.fernet import InvalidToken
from flask import Response, request

from portal.domain.pins import MalformedPin, Pin
from portal.services import services
from portal.settings.keys import LedgerKey, Purpose, encryption
from portal.settings.settings import Settings

LIFETIME_SECONDS = 30 * 60


@dataclass(frozen=True)
class PinCookie:
    """A cookie with a PIN, encrypted with a key of its own. With https its name gets a prefix."""

    name: str
    purpose: Purpose

    def keep(self, response: Response, pin: Pin, owner: str = "") -> None:
        """Set the cookie in a response; to read the PIN, the same owner has to be given."""
        settings = services().settings
        response.set_cookie(
            self._name(settings),
            encryption(settings, self.purpose).encrypt(_labelled(owner, pin.secret).encode()).decode(),
            max_age=LIFETIME_SECONDS,
            secure=settings.is_https,
            httponly=True,
            samesite="Lax",
        )

    def keep_typed(self, response: Response, typed: str) -> None:
        """Set the cookie to what was typed; if that can't be a PIN, delete the cookie."""
        try:
            self.keep(response, services().settings.pin_rules.normalise(typed))
        except MalformedPin:
            self.forget(response)

    def read(self, owner: str = "") -> Pin | None:
        """Return the PIN in this request's cookie; none if it has expired or has another owner."""
        settings = services().settings
        value = request.cookies.get(self._name(settings))
        if value is None:
            return None
        try:
            text = encryption(settings, self.purpose).decrypt(value.encode(), ttl=LIFETIME_SECONDS).decode()
        except (InvalidToken, UnicodeError):
            return None
        label = _labelled(owner, "")
        return Pin(text.removeprefix(label)) if text.startswith(label) else None

    def forget(self, response: Response) -> None:
        """Delete the cookie, if this request has it."""
        settings = services().settings
        if self._name(settings) in request.cookies:
            response.delete_cookie(self._name(settings), secure=settings.is_https, httponly=True, samesite="Lax")

    def _name(self, settings: Settings) -> str:
        return settings.cookie_name(self.name)


_viewers = PinCookie("activate-pin", Purpose.PIN_COOKIE)
keep, keep_typed, read, forget = _viewers.keep, _viewers.keep_typed, _viewers.read, _viewers.forget
# An agent may use the same browser as a viewer.
staff = PinCookie("activate-staff-pin", Purpose.STAFF_PIN_COOKIE)


def handle(pin: Pin) -> str:
    """Return a keyed hash of a PIN, for a form that must not contain the PIN."""
    secret = services().settings.secret_key.get_secret_value().encode()
    return LedgerKey(secret).digest(Purpose.PIN_SHOWN, pin.secret)


def _labelled(owner: str, secret: str) -> str:
    # No PIN and no id contains a line break.
    return f"{owner}\n{secret}" if owner else secret
