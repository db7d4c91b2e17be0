"""Forms of signing in and out."""

from flask_babel import lazy_gettext as _
from wtforms import EmailField, HiddenField, PasswordField
from wtforms.validators import InputRequired, Length

from portal.pages.web.forms import PortalForm, no_control_characters


class SignInForm(PortalForm):
    """E-mail and password of a viewer's account."""

    email = EmailField(
        validators=[
            InputRequired(_("Enter your e-mail address.")),
            Length(max=254, message=_("Enter your e-mail address.")),
            no_control_characters,
        ]
    )
    password = PasswordField(
        validators=[
            InputRequired(_("Enter your password.")),
            Length(max=1000, message=_("Enter your password.")),
            no_control_characters,
        ]
    )
    next = HiddenField()


class SignOutForm(PortalForm):
    """A button. With keep_pin it is the one that switches the account."""

    keep_pin = HiddenField()
