"""Whether a PIN was filled in by a link or kept by a cookie: then the viewer compares it before it is linked."""

from portal.domain.pins import MalformedPin, Pin
from portal.domain.similarity import is_one_edit_away
from portal.pages.activate.forms import EnterPinForm
from portal.pages.identity import pin_cookie
from portal.pages.web.forms import as_typed
from portal.services import services

# In the form's field ``from``. It stays until the field was empty once, whatever is typed.
LINK = "link"


def prefilled_form() -> EnterPinForm:
    """Return the form with what the cookie kept, if there is any."""
    kept = pin_cookie.read_typed()
    return EnterPinForm(formdata=None, pin=kept, source=LINK if kept else "")


def prefilled_pin(form: EnterPinForm) -> Pin | None:
    """Return the PIN of a form if it was filled in; none if it was typed or is malformed.

    The PIN that is sent decides, and not how it got into the field: whoever sends a link may also get a viewer to press
    a key. One that is a single edit away from the PIN of the link or of the cookie was filled in.
    """
    pin = _pin(as_typed(form.pin))
    if pin is None:
        return None
    brought = (pin_cookie.read(), _pin(form.original.data))
    is_close = any(other and is_one_edit_away(pin.secret, other.secret) for other in brought)
    return pin if pin.is_from_link or is_close or form.source.data == LINK else None


def _pin(text: str | None) -> Pin | None:
    if not text:
        return None
    try:
        return services().settings.pin_rules.normalise(text)
    except MalformedPin:
        return None
