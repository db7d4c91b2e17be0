"""Forms of the activation pages. Only the first has a field named pin."""

import re

from wtforms import HiddenField

from portal.pages.web.forms import JudgedField, PortalForm

ATTEMPT_ID = re.compile("[0-9a-f]{32}")


class EnterPinForm(PortalForm):
    """The PIN, whether it was filled in, and what a link filled in. Only portal.domain.pins decides what a PIN is."""

    # The script takes it from a link, which a mail program may have wrapped.
    fields_with_line_breaks = frozenset({"original"})

    pin = JudgedField()
    source = HiddenField(name="from")
    original = HiddenField()


class ConfirmPinForm(PortalForm):
    """The handle of the PIN that the page showed."""

    shown = HiddenField()


class DiscardPinForm(PortalForm):
    """The handle of the PIN that is not of the viewer's TV."""

    discarded = HiddenField()


class UndoForm(PortalForm):
    """The attempt to undo."""

    attempt = HiddenField()

    @property
    def attempt_id(self) -> str:
        """The id of the attempt; empty if what was sent can't be one."""
        return _attempt_id(self.attempt)


class ReportForm(PortalForm):
    """A PIN that somebody else sent: the handle of the one that the page showed, or the attempt that linked it."""

    reported = HiddenField()
    linked = HiddenField()

    @property
    def attempt_id(self) -> str:
        """The id of the attempt; empty if what was sent can't be one."""
        return _attempt_id(self.linked)


def _attempt_id(field: HiddenField) -> str:
    sent = field.data or ""
    return sent if ATTEMPT_ID.fullmatch(sent) else ""
