"""The PIN between two requests: in an encrypted cookie, for at most half an hour."""

from flask import Response, request

from portal.domain.pins import MalformedPin, Pin
from portal.pages.identity.encrypted_cookie import EncryptedCookie
from portal.services import services
from portal.settings.keys import LedgerKey, Purpose

# Of what is kept as it was typed: room for a PIN with all that a person may add.
MAX_TYPED_LENGTH = 200


class PinCookie(EncryptedCookie):
    """A cookie with a PIN."""

    def keep(self, response: Response, pin: Pin, owner: str = "") -> None:
        """Set the cookie in a response; to read the PIN, the same owner has to be given."""
        self.keep_text(response, pin.secret, owner)

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
            self.keep_text(response, typed)

    def keep_sent(self, response: Response) -> None:
        """Keep what was typed into the field of the entry form, if this request sent that form elsewhere."""
        sent = request.form.getlist("pin")
        if len(sent) == 1:
            self.keep_typed(response, sent[0])

    def read(self, owner: str = "") -> Pin | None:
        """Return the PIN in this request's cookie; none if it has expired, has another owner or is no whole PIN."""
        text = self.read_text(owner)
        try:
            return services().settings.pin_rules.normalise(text) if text else None
        except MalformedPin:
            return None


_viewers = PinCookie("activate-pin", Purpose.PIN_COOKIE)
keep, keep_of_link, keep_typed, keep_sent = (
    _viewers.keep,
    _viewers.keep_of_link,
    _viewers.keep_typed,
    _viewers.keep_sent,
)
read, read_typed, forget = _viewers.read, _viewers.read_text, _viewers.forget
# An agent may use the same browser as a viewer.
staff = PinCookie("activate-staff-pin", Purpose.STAFF_PIN_COOKIE)


def handle(pin: Pin) -> str:
    """Return a keyed hash of a PIN, for a form that must not contain the PIN."""
    secret = services().settings.secret_key.get_secret_value().encode()
    return LedgerKey(secret).digest(Purpose.PIN_SHOWN, pin.secret)
