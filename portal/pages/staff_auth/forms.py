"""Forms of the support staff's sign-in."""

from flask_babel import lazy_gettext as _
from wtforms import Field, HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from portal.domain.characters import full_width_to_ascii, visible
from portal.pages.auth.forms import required, required_password
from portal.pages.web.forms import PortalForm
from portal.staff.password_policy import PasswordFault, fault

MAX_PASSWORD = 1000
FAULTS = {
    PasswordFault.TOO_SHORT: _("Use at least 12 characters, such as a few words that nobody else would put together."),
    PasswordFault.TOO_LONG: _("Use 256 characters at most."),
    PasswordFault.COMMON: _("Choose another one: this is made of words, names or numbers that are tried first."),
}


def plain_name(typed: str | None) -> str:
    """Return a name or a code with full-width forms as ASCII, without white space around it and what can't be seen."""
    return full_width_to_ascii(visible(typed or "")).strip()


class StaffSignInForm(PortalForm):
    """Name and password of a local account."""

    name = StringField(filters=[plain_name], validators=required(_("Enter your name."), 100))
    password = PasswordField(validators=required_password())
    next = HiddenField()


class ChangePasswordForm(PortalForm):
    """The present password, unless the agent has just signed in, and the new one twice."""

    present = PasswordField(validators=[Length(max=MAX_PASSWORD, message=_("Use %(max)d characters at most."))])
    password = PasswordField(validators=[InputRequired(_("Enter a new password."))])
    again = PasswordField(validators=[InputRequired(_("Enter the new password once more."))])
    next = HiddenField()
    # Names that whoever guesses knows, and whether the present password has to be given.
    context: tuple[str, ...] = ()
    needs_present = True

    def validate_present(self, field: Field) -> None:
        """Ask for the present password where it has to be given."""
        if self.needs_present and not field.data:
            raise ValidationError(_("Enter your current password."))

    def validate_password(self, field: Field) -> None:
        """Refuse what the policy refuses."""
        if found := fault(field.data or "", self.context):
            raise ValidationError(FAULTS[found])

    def validate_again(self, field: Field) -> None:
        """Compare what was typed twice: it can't be seen."""
        if field.data != self.password.data:
            raise ValidationError(_("This is not the same as the new password above."))


class SecondFactorForm(PortalForm):
    """A code of an authenticator app, or a recovery code."""

    code = StringField(filters=[plain_name], validators=required(_("Enter the code."), 100))
    next = HiddenField()
