"""Forms of the support staff's sign-in."""

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from portal.pages.web.forms import PortalForm, no_control_characters


class StaffSignInForm(PortalForm):
    """Name and password of a local account."""

    name = StringField(
        validators=[
            InputRequired(_("Enter your name.")),
            Length(max=100, message=_("Enter your name.")),
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


class SecondFactorForm(PortalForm):
    """A code of an authenticator app, or a recovery code."""

    code = StringField(
        validators=[
            InputRequired(_("Enter the code.")),
            Length(max=100, message=_("Enter the code.")),
            no_control_characters,
        ]
    )
    next = HiddenField()
