"""What every form shares: the CSRF token, what answers a form with a stale one, and no control characters."""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Flask, Response, request
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFProtect
from wtforms import Field, Form
from wtforms.validators import ValidationError

from portal.domain.characters import visible

StalePage = TypeVar("StalePage", bound=Callable[..., Response])

csrf = CSRFProtect()
# What answers a form whose CSRF token is not the session's, by endpoint or blueprint.
stale_pages: dict[str, Callable[..., Response]] = {}


class PortalForm(FlaskForm):  # type: ignore[misc]
    """A form whose CSRF token is checked before any view runs, by the extension above."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        def wrap_formdata(self, form: Form, formdata: object) -> Mapping[str, Any] | None:
            """Read form fields only, so that every value is text: no upload and no JSON."""
            return request.form if formdata is not None else None


def as_typed(field: Field) -> str:
    """Return what was typed; if the field was sent twice, joined by a character that no valid value contains."""
    return "\0".join(field.raw_data or [])


def without_unseen(text: str | None) -> str:
    """Return what comes back into a field: what can't be seen could not be corrected there. ``as_typed`` has it all."""
    return visible(text or "")


def no_control_characters(form: Form, field: Field) -> None:
    """Refuse control characters."""
    if any(unicodedata.category(character) == "Cc" for character in field.data or ""):
        raise ValidationError(_("Leave out characters that can't be seen."))


def on_stale_form(*names: str) -> Callable[[StalePage], StalePage]:
    """Register a function that shows a form again whose CSRF token is not the session's, with what was typed in it.

    It is called with the arguments of the view, and may raise what the view may raise. Another site may have sent the
    form, without the cookies of this one. Then a new form would bring a new session, which would replace the viewer's:
    show none to a browser that is not signed in.

    Args:
        names: the endpoints whose forms it shows, or blueprints, for all of their endpoints that have none.
    """

    def register(page: StalePage) -> StalePage:
        stale_pages.update(dict.fromkeys(names, page))
        return page

    return register


def init_app(app: Flask) -> None:
    """Protect every POST: one without the session's token reaches no view, only what ``on_stale_form`` registered."""
    app.config.update(
        # The token lives as long as the session that it is tied to.
        WTF_CSRF_TIME_LIMIT=None,
        # Some browsers send no Referer at all. The cookie's __Host- prefix keeps other hosts from planting a session,
        # which is what the check of the Referer is for.
        WTF_CSRF_SSL_STRICT=False,
        WTF_I18N_ENABLED=False,
    )
    csrf.init_app(app)
