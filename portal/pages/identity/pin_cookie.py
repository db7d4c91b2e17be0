"""The PIN between two requests: in an encrypted cookie, for half an hour at most."""

import base64
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Response, request

from portal.domain.pins import MalformedPin, Pin
from portal.services import services
from portal.settings.keys import LedgerKey, Purpose, derive
from portal.settings.settings import Settings

LIFETIME_SECONDS = 30 * 60


@dataclass(frozen=True)
class PinCookie:
    """One of the cookies that hold a PIN; what one of them holds, no other can read.

    Args:
        name: with https it gets a prefix.
        purpose: of the key that encrypts it.
    """

    name: str
    purpose: Purpose

    def keep(self, response: Response, pin: Pin, owner: str = "") -> None:
        """Send a PIN along with an answer, so that the next request has it.

        Args:
            response: the answer.
            pin: what it keeps.
            owner: whoever asks for the PIN has to give the same.
        """
        settings = services().settings
        response.set_cookie(
            self._name(settings),
            self._fernet(settings).encrypt(_labelled(owner, pin.secret).encode()).decode(),
            max_age=LIFETIME_SECONDS,
            secure=settings.is_https,
            httponly=True,
            samesite="Lax",
        )

    def keep_typed(self, response: Response, typed: str) -> None:
        """Send along what was typed, if it can be a PIN at all; if not, what was kept before is forgotten."""
        try:
            self.keep(response, services().settings.pin_rules.normalise(typed))
        except MalformedPin:
            self.forget(response)

    def read(self, owner: str = "") -> Pin | None:
        """Return the PIN that this request brings along, or none if it is somebody else's or its time is up."""
        settings = services().settings
        value = request.cookies.get(self._name(settings))
        if value is None:
            return None
        try:
            text = self._fernet(settings).decrypt(value.encode(), ttl=LIFETIME_SECONDS).decode()
        except (InvalidToken, UnicodeError):
            return None
        label = _labelled(owner, "")
        return Pin(text.removeprefix(label)) if text.startswith(label) else None

    def forget(self, response: Response) -> None:
        """Take the PIN out of the browser."""
        settings = services().settings
        if self._name(settings) in request.cookies:
            response.delete_cookie(self._name(settings), secure=settings.is_https, httponly=True, samesite="Lax")

    def _name(self, settings: Settings) -> str:
        return f"__Host-{self.name}" if settings.is_https else self.name

    def _fernet(self, settings: Settings) -> MultiFernet:
        secrets = [settings.secret_key, settings.secret_key_previous]
        keys = [derive(secret.get_secret_value().encode(), self.purpose) for secret in secrets if secret]
        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])


_viewers = PinCookie("activate-pin", Purpose.PIN_COOKIE)
keep, keep_typed, read, forget = _viewers.keep, _viewers.keep_typed, _viewers.read, _viewers.forget
# An agent's browser may be a viewer's too, and an agent may help two viewers at once.
staff = PinCookie("activate-staff-pin", Purpose.STAFF_PIN_COOKIE)


def handle(pin: Pin) -> str:
    """Return a text that stands for a PIN in a form, and tells nothing of it."""
    secret = services().settings.secret_key.get_secret_value().encode()
    return LedgerKey(secret).digest(Purpose.PIN_SHOWN, pin.secret)


def _labelled(owner: str, secret: str) -> str:
    # No PIN and no id holds a line break.
    return f"{owner}\n{secret}" if owner else secret
