"""Forms of signing in and out."""

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import EmailField, Field, Form, HiddenField, PasswordField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from portal.domain.characters import visible
from portal.domain.emails import normalise_email
from portal.pages.web.forms import PortalForm

MAX_PASSWORD = 1000


def required(message: str, length: int) -> list[Any]:
    """Return the validators of a text that has to be there; the message is for one that is empty."""
    return [DataRequired(message), _at_most(length)]


def required_password() -> list[Any]:
    """Return the validators of a password that has to be there. It may be white space alone."""
    return [InputRequired(_("Enter your password.")), _at_most(MAX_PASSWORD)]


def _at_most(length: int) -> Length:
    return Length(max=length, message=_("Use %(max)d characters at most."))


def email_or_text(typed: str | None) -> str:
    """Return the email address that was typed; what can be seen of a text that is none."""
    return normalise_email(typed or "") or visible(typed or "")


def is_email(form: Form, field: Field) -> None:
    """Refuse what is no address. It is no wrong password, so it is not an attempt to sign in."""
    if normalise_email(field.data) is None:
        raise ValidationError(_("Enter your email address. It looks like name@example.com."))


class SignInForm(PortalForm):
    """Email and password of a viewer's account."""

    email = EmailField(filters=[email_or_text], validators=[DataRequired(_("Enter your email address.")), is_email])
    password = PasswordField(validators=required_password())
    next = HiddenField()


class ForgottenPasswordForm(PortalForm):
    """Email of a viewer's account."""

    email = EmailField(filters=[email_or_text], validators=[DataRequired(_("Enter your email address.")), is_email])
    next = HiddenField()
    # The button in the form to sign in, which only brings along the email that was typed there.
    of_sign_in = HiddenField()


class SignOutForm(PortalForm):
    """A button. With keep_pin it is the one that switches the account."""

    keep_pin = HiddenField()
