"""Forms of the console. They check shape alone; who a viewer is and what a PIN does, others judge."""

import re
import unicodedata

from flask_babel import force_locale
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, Field, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from portal.domain.actors import Reason
from portal.domain.pins import MalformedPin, Pin
from portal.pages.web.forms import PortalForm, no_control_characters
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
FEWEST, MOST = 10, 500
# The column of the ledger holds no more, whatever pattern an operator sets.
LONGEST_TICKET = 200
_LINE_BREAKS = re.compile(r"[\r\n\t]+")


class FindViewerForm(PortalForm):
    """An e-mail address or a consumer id."""

    who = StringField()

    @property
    def typed(self) -> str:
        """What was typed; sent twice, it is parted by a character that neither can hold."""
        return "\0".join(self.who.raw_data or [])


def _one_line(text: str | None) -> str:
    """Return a text without white space around it and with its lines in one, as the ledger keeps it."""
    return _LINE_BREAKS.sub(" ", text or "").strip()


def _says_something(form: PortalForm, field: Field) -> None:
    # White space and marks that can't be seen say nothing.
    seen = [c for c in field.data or "" if c == " " or unicodedata.category(c)[0] not in "ZC"]
    if len(seen) < FEWEST:
        raise ValidationError(_("Say in a few words what happened: at least ten characters."))


def _is_a_ticket(form: PortalForm, field: Field) -> None:
    if field.data and not services().settings.ticket_pattern.fullmatch(field.data):
        raise ValidationError(_("Enter the number of the case as your ticket system writes it, or leave this empty."))


def _holds_no_pin(form: "ReasonForm", field: Field) -> None:
    if form.secret and services().settings.pin_rules.stands_in(form.secret, field.data or ""):
        raise ValidationError(_("Leave out the PIN: it must not be kept."))


class ReasonForm(PortalForm):
    """Why an agent acts for a viewer, and that they know whom they speak with."""

    reasons = UNLINK_REASONS
    # The PIN that is about to be linked, for the fields that must not hold it.
    secret: Pin | None = None

    reason = SelectField(validate_choice=False)
    details = TextAreaField(
        filters=[_one_line],
        validators=[
            no_control_characters,
            _says_something,
            Length(max=MOST, message=_("Shorten this to 500 characters.")),
            _holds_no_pin,
        ],
    )
    ticket = StringField(
        filters=[_one_line],
        validators=[
            no_control_characters,
            Length(max=LONGEST_TICKET, message=_("Shorten this to 200 characters.")),
            _is_a_ticket,
            _holds_no_pin,
        ],
    )
    identity_checked = BooleanField(validators=[DataRequired(_("Check who is calling before you go on."))])
    caller = HiddenField()

    def validate_reason(self, field: Field) -> None:
        """Accept the short list alone."""
        if field.data not in self.reasons:
            raise ValidationError(_("Choose a reason."))

    @property
    def why(self) -> Reason:
        """What the ledger keeps, in English whatever the agent reads, since those who read it later are others."""
        with force_locale("en"):
            chosen = str(self.reasons[self.reason.data])
        return Reason(f"{chosen}: {self.details.data}", self.ticket.data or None)


class LinkForViewerForm(ReasonForm):
    """The PIN of the caller's TV, and why. What a PIN is, is judged by portal.domain.pins alone."""

    reasons = LINK_REASONS
    pin = StringField()

    @property
    def typed(self) -> str:
        """What was typed, as it was typed; sent twice, it is parted by a character that no PIN can hold."""
        return "\0".join(self.pin.raw_data or [])

    @property
    def typed_pin(self) -> Pin | None:
        """The PIN that was meant, or none where what was typed can't be one."""
        try:
            return services().settings.pin_rules.normalise(self.typed)
        except MalformedPin:
            return None


class ConfirmLinkForm(PortalForm):
    """The PIN that the page showed, by a text that stands for it, and which of the buttons was pressed."""

    shown = HiddenField()
    answer = HiddenField()


class UnlinkTVForm(ReasonForm):
    """Why one TV is unlinked."""


class UnlinkAllForm(ReasonForm):
    """Why all TVs of a viewer are unlinked."""


class UndoForm(PortalForm):
    """The attempt to undo, and for whom it was made."""

    attempt = HiddenField()
    caller = HiddenField()
