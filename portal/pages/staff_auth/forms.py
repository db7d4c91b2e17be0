"""Forms of the support staff's sign-in."""

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, PasswordField, StringField

from portal.pages.auth.forms import required
from portal.pages.web.forms import PortalForm


class StaffSignInForm(PortalForm):
    """Name and password of a local account."""

    name = StringField(validators=required(_("Enter your name."), 100))
    password = PasswordField(validators=required(_("Enter your password.")))
    next = HiddenField()


class SecondFactorForm(PortalForm):
    """A code of an authenticator app, or a recovery code."""

    code = StringField(validators=required(_("Enter the code."), 100))
    next = HiddenField()
