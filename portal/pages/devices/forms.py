"""Forms of the pages about a viewer's own TVs."""

import unicodedata

from flask_babel import lazy_gettext as _
from wtforms import StringField
from wtforms.validators import Length

from portal.pages.web.forms import PortalForm, no_control_characters

MAX_CHARACTERS = 40


def trimmed(text: str | None) -> str:
    """Return a name without white space around it; empty if nothing of it could be seen."""
    name = (text or "").strip()
    # Joiners are part of some scripts and emoji, but a name of nothing else would be invisible.
    return name if any(unicodedata.category(character) not in ("Cf", "Zs") for character in name) else ""


class NameTVForm(PortalForm):
    """A viewer's own name for a TV; an empty one removes the name."""

    name = StringField(
        filters=[trimmed],
        validators=[Length(max=MAX_CHARACTERS, message=_("Use %(max)d characters at most.")), no_control_characters],
    )
