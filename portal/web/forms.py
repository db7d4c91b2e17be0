"""What every form shares: the CSRF token, and no control characters."""

import unicodedata

from flask import Flask
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFProtect
from wtforms import Field, Form
from wtforms.validators import ValidationError

csrf = CSRFProtect()


class PortalForm(FlaskForm):  # type: ignore[misc]
    """A form of ours. Its CSRF token is checked before any view runs, by the extension below."""


def no_control_characters(form: Form, field: Field) -> None:
    """Refuse what no keyboard types and no field of ours means."""
    if any(unicodedata.category(character) == "Cc" for character in field.data or ""):
        raise ValidationError(_("Leave out characters that can't be seen."))


def init_app(app: Flask) -> None:
    """Protect every POST: one without the session's token reaches no view, but the handler of its page."""
    app.config.update(
        # The token lives as long as the session that it is tied to.
        WTF_CSRF_TIME_LIMIT=None,
        # Some browsers send no Referer at all. The cookie's __Host- prefix keeps other hosts from planting a session,
        # which is what the check of the Referer is for.
        WTF_CSRF_SSL_STRICT=False,
        WTF_I18N_ENABLED=False,
    )
    csrf.init_app(app)
