"""Forms of the pages about a viewer's own TVs."""

import unicodedata

from flask_babel import lazy_gettext as _
from wtforms import StringField
from wtforms.validators import Length

from portal.pages.web.forms import PortalForm, no_control_characters

MOST_CHARACTERS = 40


def trimmed(text: str | None) -> str:
    """Return a name without space around it; one of which nothing could be seen is empty."""
    name = (text or "").strip()
    # Joiners belong into some scripts and emoji, but alone they would leave a TV without a name on the page.
    return name if any(unicodedata.category(character) not in ("Cf", "Zs") for character in name) else ""


class NameTVForm(PortalForm):
    """A viewer's own name for a TV; an empty one takes the name away."""

    name = StringField(
        filters=[trimmed],
        validators=[
            Length(max=MOST_CHARACTERS, message=_("Use %(max)d characters at most.")),
            no_control_characters,
        ],
    )
