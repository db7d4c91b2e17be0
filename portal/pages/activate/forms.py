"""Forms of the activation pages. Only the first has a field named pin."""

import re

from wtforms import HiddenField, StringField

from portal.pages.web.forms import PortalForm

ATTEMPT_ID = re.compile("[0-9a-f]{32}")


class EnterPinForm(PortalForm):
    """The PIN, and whether a link filled it in. What a PIN is, is judged by portal.domain.pins alone."""

    pin = StringField()
    source = HiddenField(name="from")

    @property
    def typed(self) -> str:
        """What was typed, as it was typed; sent twice, it is parted by a character that no PIN can hold."""
        return "\0".join(self.pin.raw_data or [])


class ConfirmPinForm(PortalForm):
    """The PIN that the page showed, by a text that stands for it."""

    shown = HiddenField()


class UndoForm(PortalForm):
    """The attempt to undo."""

    attempt = HiddenField()

    @property
    def attempt_id(self) -> str:
        """The attempt, or nothing where what was sent can't be the id of one."""
        sent = self.attempt.data or ""
        return sent if ATTEMPT_ID.fullmatch(sent) else ""
