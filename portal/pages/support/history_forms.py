"""The form with which a supervisor filters the history."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _
from wtforms import Field, Form, HiddenField, SelectField, StringField
from wtforms.validators import Length, ValidationError

from portal.domain.characters import full_width_to_ascii, visible
from portal.domain.outcomes import OUTCOMES
from portal.ledger.attempt_query import NO_OUTCOME, AttemptFilter
from portal.pages.web.forms import PortalForm
from portal.staff.accounts import OIDC_PREFIX

FIRST_YEAR, LAST_YEAR = 2000, 9000
CONSUMER_ID = re.compile("[A-Za-z0-9_-]{1,64}")
ANY_OUTCOME = ("", NO_OUTCOME, *sorted({str(outcome) for outcomes in OUTCOMES.values() for outcome in outcomes}))


def _trimmed(text: str | None) -> str:
    return full_width_to_ascii(visible(text or "")).strip()


class FilterHistoryForm(PortalForm):
    """The filter: sent by POST, and in the query of the pages of the history."""

    class Meta(PortalForm.Meta):
        def wrap_formdata(self, form: Form, formdata: object) -> Mapping[str, Any] | None:
            return request.args if request.method == "GET" else super().wrap_formdata(form, formdata)

    agent = StringField(
        filters=[_trimmed],
        validators=[Length(max=300, message=_("Enter the id of an agent."))],
    )
    viewer = StringField(filters=[_trimmed])
    outcome = SelectField(validate_choice=False, filters=[_trimmed])
    since = StringField(name="from", filters=[_trimmed])
    until = StringField(name="to", filters=[_trimmed])

    def validate_agent(self, field: Field) -> None:
        """Accept an agent's id: it contains an email address only if the identity provider's subject does."""
        if "@" in field.data and not field.data.startswith(OIDC_PREFIX):
            raise ValidationError(_("Enter the id of an agent, as the list shows it, and no email address."))

    def validate_viewer(self, field: Field) -> None:
        """Accept only a consumer id: an email address must not be in the address of a page."""
        if "@" in field.data:
            raise ValidationError(_("Enter a consumer id. To get it, find the viewer by email first."))
        if field.data and not CONSUMER_ID.fullmatch(field.data):
            raise ValidationError(_("Enter a consumer id: letters and digits."))

    def validate_outcome(self, field: Field) -> None:
        if field.data not in ANY_OUTCOME:
            raise ValidationError(_("Choose an outcome from the list."))

    def validate_since(self, field: Field) -> None:
        _day(field.data)

    def validate_until(self, field: Field) -> None:
        last = _day(field.data)
        try:
            first = _day(self.since.data)
        except ValidationError:
            return
        if first and last and last < first:
            raise ValidationError(_("Choose a last day that is not before the first."))

    @property
    def attempt_filter(self) -> AttemptFilter:
        """The filter, once the form is valid."""
        return AttemptFilter(
            agent=self.agent.data or None,
            viewer=self.viewer.data or None,
            outcome=self.outcome.data or None,
            since=_day(self.since.data),
            until=_day(self.until.data),
        )

    @property
    def query(self) -> dict[str, str]:
        """The query of the page: every field that is filled in."""
        fields = (self.agent, self.viewer, self.outcome, self.since, self.until)
        return {field.name: field.data for field in fields if field.data}


class ExportHistoryForm(FilterHistoryForm):
    """The filter, and the kind of file: the button that was pressed."""

    kind = HiddenField(name="format")


def _day(text: str | None) -> date | None:
    """Return a day as browsers send it; none for an empty text."""
    if not text:
        return None
    with suppress(ValueError):
        day = date.fromisoformat(text)
        if FIRST_YEAR <= day.year <= LAST_YEAR:
            return day
    raise ValidationError(_("Enter a day such as 2026-11-24."))
