"""What every form shares: the CSRF token, and no control characters."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from flask import Flask, request
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFProtect
from wtforms import Field, Form
from wtforms.validators import ValidationError

csrf = CSRFProtect()


class PortalForm(FlaskForm):  # type: ignore[misc]
    """A form of ours. Its CSRF token is checked before any view runs, by the extension below."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        """How a form reads a request."""

        def wrap_formdata(self, form: Form, formdata: object) -> Mapping[str, Any] | None:
            """Read fields of a form alone: an upload or a JSON document would put other things than text there."""
            return request.form if formdata is not None else None


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
