"""Forms of signing in and out."""

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import EmailField, HiddenField, PasswordField
from wtforms.validators import InputRequired, Length

from portal.pages.web.forms import PortalForm


def required(message: str, length: int = 1000) -> list[Any]:
    """Return the validators of a field that has to be filled in; the message is for one that is empty or too long."""
    return [InputRequired(message), Length(max=length, message=message)]


class SignInForm(PortalForm):
    """E-mail and password of a viewer's account."""

    email = EmailField(validators=required(_("Enter your e-mail address."), 254))
    password = PasswordField(validators=required(_("Enter your password.")))
    next = HiddenField()


class SignOutForm(PortalForm):
    """A button. With keep_pin it is the one that switches the account."""

    keep_pin = HiddenField()
