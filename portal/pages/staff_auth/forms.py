"""Forms of the support staff's sign-in."""

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, PasswordField, StringField

from portal.domain.characters import full_width_to_ascii, visible
from portal.pages.auth.forms import required, required_password
from portal.pages.web.forms import PortalForm


def plain_name(typed: str | None) -> str:
    """Return a name or a code with full-width forms as ASCII, without white space around it and what can't be seen."""
    return full_width_to_ascii(visible(typed or "")).strip()


class StaffSignInForm(PortalForm):
    """Name and password of a local account."""

    name = StringField(filters=[plain_name], validators=required(_("Enter your name."), 100))
    password = PasswordField(validators=required_password())
    next = HiddenField()


class SecondFactorForm(PortalForm):
    """A code of an authenticator app, or a recovery code."""

    code = StringField(filters=[plain_name], validators=required(_("Enter the code."), 100))
    next = HiddenField()
