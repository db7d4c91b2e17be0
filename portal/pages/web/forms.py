"""What every form shares: the CSRF token, what answers a form with a stale one, and no control characters.

A token belongs to a session, so that a page about one account can't act for another that was signed in meanwhile in
another tab. Where nobody is signed in there is no account to mistake. Then a token can only be stale because another
tab got another session: two tabs that are opened at once do, and the later cookie replaces the earlier. So without a
session what the browser says of a form's origin is enough. No page of another site can make a browser say
``same-origin``, nor send the cookie along, so nobody can be signed in to an account that is not theirs (login CSRF).
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from flask import Request, Response, request
from flask_babel import lazy_gettext as _
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import BadRequest
from wtforms import Field, Form, HiddenField, StringField

from portal.domain.characters import is_control, visible
from portal.pages.identity import agent as staff_identity
from portal.pages.identity import viewer as identity
from portal.pages.identity.csrf_token import CSRF_FIELD, CSRFTokens
from portal.pages.web.application import Portal
from portal.pages.web.origins import is_for_staff
from portal.services import services

StalePage = TypeVar("StalePage", bound=Callable[..., Response])

csrf = CSRFProtect()
# What answers a form whose CSRF token is not the session's, by endpoint or blueprint.
stale_pages: dict[str, Callable[..., Response]] = {}
# A field for each that a class of forms has, which WTForms calls an unbound one.
_unfilled: dict[Any, Field] = {}


class JudgedField(StringField):
    """A text of which a rule of the domain judges all: ``as_typed`` has it, controls included.

    What can't be seen does not come back into the field, because it could not be corrected there.
    """

    def process(self, *args: Any, **kwargs: Any) -> None:
        """Fill in the field with what can be seen of the text."""
        super().process(*args, **kwargs)
        self.data = visible(self.data or "")


class PortalForm(Form):
    """A form whose CSRF token was checked before any view runs, by the extension above: it is no field of the form.

    No field accepts a control character, or to be sent twice; no field has to ask for it. In a hidden field no browser
    sends one, so that is answered with 400 before a view has the form. In any other the form is not valid.
    """

    # Fields that may have tabs and line breaks, which a filter of theirs makes spaces.
    fields_with_line_breaks: ClassVar[frozenset[str]] = frozenset()

    class Meta:
        def wrap_formdata(self, form: Form, formdata: object) -> Mapping[str, Any] | None:
            """Read form fields only, so that every value is text: no upload and no JSON."""
            return request.form if formdata is not None else None

        def bind_field(self, form: Form, unbound_field: Any, options: Mapping[str, Any]) -> Field:
            """Return a field as a copy of one that was never filled in: all else of it is the same in each form."""
            if unbound_field not in _unfilled:
                _unfilled[unbound_field] = unbound_field.bind(form=None, _meta=self, **options)
            unfilled = _unfilled[unbound_field]
            field = object.__new__(type(unfilled))
            field.__dict__.update(unfilled.__dict__, _form=form)
            return field

    def __init__(self, formdata: Any = "of the request", **kwargs: Any) -> None:
        """Fill in the fields with what was sent, unless ``formdata`` is none."""
        super().__init__(formdata, **kwargs)

    def process(self, formdata: Any = None, *args: Any, **kwargs: Any) -> None:
        """Fill in the fields. Raises BadRequest if a hidden one has a control character, or was sent twice."""
        super().process(formdata, *args, **kwargs)
        if formdata is None:
            return
        spoilt = (self._is_spoilt(field) for field in self if isinstance(field, HiddenField))
        if any(spoilt) or not "\0".join(request.form.getlist(CSRF_FIELD)).isprintable():
            raise BadRequest

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        """Tell whether every field is valid."""
        is_valid = bool(super().validate(*args, **kwargs))
        spoilt = [field for field in self if not isinstance(field, JudgedField) and self._is_spoilt(field)]
        for field in spoilt:
            field.errors = [_("Leave out characters that can't be seen."), *field.errors]
        return is_valid and not spoilt

    def _is_spoilt(self, field: Field) -> bool:
        text = as_typed(field)
        if text.isprintable():
            return False
        allowed = "\t\r\n" if field.short_name in self.fields_with_line_breaks else ""
        return any(is_control(character) and character not in allowed for character in text)


def as_typed(field: Field) -> str:
    """Return what was typed; if the field was sent twice, joined by a character that no valid value contains."""
    return "\0".join(map(str, field.raw_data or []))


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


def is_from_another_site() -> bool:
    """Tell whether the browser says that a page of another site sent this form. Old browsers do not say."""
    return _stated_origin() is False


def stale_reason() -> str:
    """Return why a form is refused, as the pages call it: ``stale``, or ``no_cookies`` if the browser sent none."""
    return "stale" if identity.has_cookie() else "no_cookies"


def init_app(app: Portal) -> None:
    """Protect every POST: one without the session's token reaches no view, only what ``on_stale_form`` registered."""
    app.config.update(
        WTF_CSRF_CHECK_DEFAULT=False,
        # The token lives as long as the session that it is tied to.
        WTF_CSRF_TIME_LIMIT=None,
        # Some browsers send no Referer at all. The cookie's __Host- prefix keeps other hosts from planting a session,
        # which is what the check of the Referer is for.
        WTF_CSRF_SSL_STRICT=False,
    )
    csrf.init_app(app)
    # Its own hook only finds out that it has nothing to do.
    app.before_request_funcs.clear()
    tokens = CSRFTokens(str(app.secret_key))
    app.jinja_env.globals["csrf_token"] = tokens.of_page

    @app.check
    def protect(request: Request) -> None:
        if request.method not in app.config["WTF_CSRF_METHODS"] or request.endpoint is None:
            return
        # Flask-WTF takes longer to find the same, and to say what else is wrong.
        if tokens.is_valid(request.form.get(CSRF_FIELD, "")):
            return
        try:
            csrf.protect(apply_exemptions=True)
        except CSRFError:
            if not (_stated_origin() and identity.has_cookie() and _is_nobody_signed_in()):
                raise


def _is_nobody_signed_in() -> bool:
    if is_for_staff():
        return not staff_identity.has_session()
    return identity.current_viewer() is None


def _stated_origin() -> bool | None:
    """Return whether the browser says that a page of this site sent this request; none if it says nothing."""
    environ = request.environ
    site: str = environ.get("HTTP_SEC_FETCH_SITE", "none")
    # It is none where no page sent it, such as when a browser opens its tabs again.
    if site != "none":
        return site == "same-origin"
    origin: str | None = environ.get("HTTP_ORIGIN")
    scheme = "https" if services().settings.is_https else "http"
    return None if origin is None else origin == f"{scheme}://{request.host}"
