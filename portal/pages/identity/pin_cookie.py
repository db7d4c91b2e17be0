"""The PIN between two requests: in an encrypted cookie, for at most half an hour."""

from dataclasses import dataclass

from cryptography.fernet import InvalidToken
from flask import Response, request

from portal.domain.pins import MalformedPin, Pin
from portal.services import services
from portal.settings.keys import LedgerKey, Purpose, encryption
from portal.settings.settings import Settings

LIFETIME_SECONDS = 30 * 60
# Of what is kept as it was typed: room for a PIN with all that a person may add.
MAX_TYPED_LENGTH = 200


@dataclass(frozen=True)
class PinCookie:
    """A cookie with a PIN, encrypted with a key of its own. With https its name gets a prefix."""

    name: str
    purpose: Purpose

    def keep(self, response: Response, pin: Pin, owner: str = "") -> None:
        """Set the cookie in a response; to read the PIN, the same owner has to be given."""
        self._set(response, _labelled(owner, pin.secret))

    def keep_of_link(self, response: Response, text: str) -> bool:
        """Set the cookie to the PIN of a link, and tell whether it is one; if not, what was kept stays."""
        try:
            self.keep(response, services().settings.pin_rules.normalise(text))
        except MalformedPin:
            return False
        return True

    def keep_typed(self, response: Response, typed: str) -> None:
        """Set the cookie to what was typed, as it was typed, whole PIN or not; an empty field deletes the cookie."""
        if not typed:
            self.forget(response)
        elif len(typed) > MAX_TYPED_LENGTH or "\n" in typed:
            # Such as a long link with a PIN in it.
            self.keep_of_link(response, typed)
        else:
            self._set(response, typed)

    def keep_sent(self, response: Response) -> None:
        """Keep what was typed into the field of the entry form, if this request sent that form elsewhere."""
        sent = request.form.getlist("pin")
        if len(sent) == 1:
            self.keep_typed(response, sent[0])

    def read(self, owner: str = "") -> Pin | None:
        """Return the PIN in this request's cookie; none if it has expired, has another owner or is no whole PIN."""
        try:
            return services().settings.pin_rules.normalise(self.read_typed(owner))
        except MalformedPin:
            return None

    def read_typed(self, owner: str = "") -> str:
        """Return the text in this request's cookie as it was kept; empty if there is none for this owner."""
        settings = services().settings
        value = request.cookies.get(self._name(settings))
        if value is None:
            return ""
        try:
            text = encryption(settings, self.purpose).decrypt(value.encode(), ttl=LIFETIME_SECONDS).decode()
        except (InvalidToken, UnicodeError):
            return ""
        label = _labelled(owner, "")
        return text.removeprefix(label) if text.startswith(label) else ""

    def forget(self, response: Response) -> None:
        """Delete the cookie, if this request has it."""
        settings = services().settings
        if self._name(settings) in request.cookies:
            response.delete_cookie(self._name(settings), secure=settings.is_https, httponly=True, samesite="Lax")

    def _set(self, response: Response, text: str) -> None:
        settings = services().settings
        response.set_cookie(
            self._name(settings),
            encryption(settings, self.purpose).encrypt(text.encode()).decode(),
            max_age=LIFETIME_SECONDS,
            secure=settings.is_https,
            httponly=True,
            samesite="Lax",
        )

    def _name(self, settings: Settings) -> str:
        return settings.cookie_name(self.name)


_viewers = PinCookie("activate-pin", Purpose.PIN_COOKIE)
keep, keep_of_link, keep_typed, keep_sent = (
    _viewers.keep,
    _viewers.keep_of_link,
    _viewers.keep_typed,
    _viewers.keep_sent,
)
read, read_typed, forget = _viewers.read, _viewers.read_typed, _viewers.forget
# An agent may use the same browser as a viewer.
staff = PinCookie("activate-staff-pin", Purpose.STAFF_PIN_COOKIE)


def handle(pin: Pin) -> str:
    """Return a keyed hash of a PIN, for a form that must not contain the PIN."""
    secret = services().settings.secret_key.get_secret_value().encode()
    return LedgerKey(secret).digest(Purpose.PIN_SHOWN, pin.secret)


def _labelled(owner: str, secret: str) -> str:
    # No PIN and no id contains a line break.
    return f"{owner}\n{secret}" if owner else secret
