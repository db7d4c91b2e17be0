"""Forms of the pages about a viewer's own TVs."""

from flask_babel import lazy_gettext as _
from wtforms import StringField
from wtforms.validators import Length

from portal.domain.characters import is_invisible, is_white_space
from portal.pages.web.forms import PortalForm

MAX_CHARACTERS = 40


def trimmed(text: str | None) -> str:
    """Return a name without white space around it; empty if nothing of it could be seen."""
    name = (text or "").strip()
    # Joiners are part of some scripts and emoji, but a name of nothing else would be invisible.
    return name if not all(is_invisible(c) or is_white_space(c) for c in name) else ""


class NameTVForm(PortalForm):
    """A viewer's own name for a TV; an empty one removes the name."""

    name = StringField(
        filters=[trimmed],
        validators=[Length(max=MAX_CHARACTERS, message=_("Use %(max)d characters at most."))],
    )
