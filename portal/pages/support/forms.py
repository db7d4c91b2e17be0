"""Forms of the console. They check only the shape of what was sent."""

import re
from typing import Any

from flask_babel import force_locale
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, Field, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from portal.domain.actors import Reason
from portal.domain.characters import full_width_to_ascii, is_control, is_invisible, is_white_space, visible
from portal.domain.pins import MalformedPin, Pin
from portal.pages.support.viewer_summary import ViewerSummary
from portal.pages.web.forms import JudgedField, PortalForm, as_typed
from portal.services import services

LINK_REASONS = {
    "no_page": _("The viewer cannot open the page"),
    "refused": _("The PIN was refused on the page"),
    "no_hands": _("The viewer needs a hand with the remote"),
    "other": _("Other"),
}
UNLINK_REASONS = {
    "gone": _("The viewer no longer has this TV"),
    "unknown": _("The viewer does not know this TV"),
    "mistake": _("It was linked by mistake"),
    "other": _("Other"),
}
SIGN_OUT_REASONS = {
    "shared": _("The viewer signed in on a shared or lost device"),
    "stranger": _("Somebody else may be signed in to the account"),
    "fraud": _("Somebody talked the viewer into linking a TV"),
    "other": _("Other"),
}
PASSWORD_MAIL_REASONS = {
    "forgotten": _("The viewer forgot their password"),
    "known": _("Somebody else may know the password"),
    "other": _("Other"),
}
MIN_DETAILS, MAX_DETAILS = 10, 500
# The column of the ledger is this long, whatever pattern an operator sets.
MAX_TICKET = 200
_LINE_BREAKS = re.compile(r"[\r\n\t]+")


class FindViewerForm(PortalForm):
    """An email address or a consumer id."""

    who = JudgedField(validators=[DataRequired(_("Enter an email or a consumer id."))])


def _one_line(text: str | None) -> str:
    """Return a text on one line, without white space around it."""
    return _LINE_BREAKS.sub(" ", text or "").strip()


def _ticket(text: str | None) -> str:
    """Return a ticket number as ticket systems write it: in ASCII, without what can't be seen."""
    return full_width_to_ascii(visible(_one_line(text)))


def _long_enough(form: PortalForm, field: Field) -> None:
    # Other white space and characters that can't be seen don't count.
    unseen = [c for c in field.data or "" if is_invisible(c) or is_control(c) or (is_white_space(c) and c != " ")]
    if len(field.data or "") - len(unseen) < MIN_DETAILS:
        raise ValidationError(_("This is too short: write at least ten characters."))


def _matches_ticket_pattern(form: PortalForm, field: Field) -> None:
    ticket = field.data or ""
    # Of a longer one Length complains. The operator's pattern may take exponential time.
    if 0 < len(ticket) <= MAX_TICKET and not services().settings.ticket_pattern.fullmatch(ticket):
        raise ValidationError(_("Enter the number of the case as your ticket system writes it, or leave this empty."))


def _contains_no_pin(form: "ReasonForm", field: Field) -> None:
    if form.secret_pin and services().settings.pin_rules.appears_in(form.secret_pin, field.data or ""):
        raise ValidationError(_("Leave out the PIN: it must not be kept."))


class SummaryForm(PortalForm):
    """A form that names the viewer, so that the next page can do so without asking Zype."""

    caller = HiddenField()

    def summary(self, consumer_id: str) -> ViewerSummary:
        """Return the viewer as the page with this form named them."""
        return ViewerSummary.verified(self.caller.data, consumer_id)


class ReasonForm(SummaryForm):
    """Why an agent acts for a viewer, and that they checked the viewer's identity."""

    reasons = UNLINK_REASONS
    # The PIN that is about to be linked, for the fields that must not contain it.
    secret_pin: Pin | None = None
    fields_with_line_breaks = frozenset({"details", "ticket"})

    reason = SelectField(validate_choice=False)
    details = TextAreaField(
        filters=[_one_line],
        validators=[
            DataRequired(_("Say what happened, in at least ten characters.")),
            _long_enough,
            Length(max=MAX_DETAILS, message=_("Shorten this to 500 characters.")),
            _contains_no_pin,
        ],
    )
    ticket = StringField(
        filters=[_ticket],
        validators=[
            Length(max=MAX_TICKET, message=_("Shorten this to 200 characters.")),
            _matches_ticket_pattern,
            _contains_no_pin,
        ],
    )
    identity_checked = BooleanField(validators=[DataRequired(_("Check who is calling before you go on."))])

    def validate_reason(self, field: Field) -> None:
        """Accept only the reasons in the list."""
        if not field.data:
            raise ValidationError(_("Choose a reason."))
        if field.data not in self.reasons:
            raise ValidationError(_("Choose a reason from the list."))

    @property
    def reason_to_record(self) -> Reason:
        """The reason for the ledger: in English, whatever language the agent uses, because others will read it."""
        with force_locale("en"):
            chosen = str(self.reasons[self.reason.data])
        return Reason(f"{chosen}: {self.details.data}", self.ticket.data or None)


class SignViewerOutForm(ReasonForm):
    """Why an agent signs a viewer out everywhere."""

    reasons = SIGN_OUT_REASONS


class PasswordMailForm(ReasonForm):
    """Why an agent has a mail sent by which the viewer sets a new password."""

    reasons = PASSWORD_MAIL_REASONS


class LinkForViewerForm(ReasonForm):
    """The PIN of the viewer's TV, and why. Only portal.domain.pins decides what a PIN is."""

    reasons = LINK_REASONS
    pin = JudgedField(validators=[DataRequired(_("Enter the PIN that the TV shows."))])

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        """Tell whether every field is valid. A PIN that can't be one is: it is for the ledger, if others are valid."""
        if super().validate(*args, **kwargs):
            return True
        if self.secret_pin is None and not self.pin.errors:
            self.pin.errors = [_("Compare every letter and number with the caller.")]
        return False

    @property
    def normalised_pin(self) -> Pin | None:
        """The PIN; none if what was typed can't be one."""
        try:
            return services().settings.pin_rules.normalise(as_typed(self.pin))
        except MalformedPin:
            return None


class ConfirmLinkForm(PortalForm):
    """The handle of the PIN that the page showed, and which button was pressed."""

    shown = HiddenField()
    answer = HiddenField()


class UndoForm(SummaryForm):
    """The attempt to undo, signed."""

    attempt = HiddenField()
