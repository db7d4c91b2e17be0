"""The language of the pages: the one that was chosen, else one that the browser asks for, else the operator's."""

import re
from functools import cache

import structlog
from babel import Locale
from babel.support import NullTranslations, Translations
from flask import Blueprint, Flask, Response, request
from flask_babel import Babel
from sqlalchemy.exc import SQLAlchemyError
from wtforms import HiddenField

from portal.database.engine import describe
from portal.pages.identity import draft, pin_cookie
from portal.pages.identity import viewer as identity
from portal.pages.web.error_pages import error_page
from portal.pages.web.forms import PortalForm, is_from_another_site, on_stale_form, stale_reason
from portal.pages.web.jinja.environment import PageEnvironment, page_environment
from portal.pages.web.locale import COOKIE, current_locale
from portal.pages.web.origins import CONSOLE, is_console_origin, is_console_path
from portal.pages.web.paths import FILTERED_HISTORY, FORGOTTEN_PASSWORD, HOME
from portal.pages.web.responses import see_other
from portal.services import services
from portal.settings.package_data import TRANSLATIONS, languages

bp = Blueprint("language", __name__)
log = structlog.get_logger("portal.web")

_PAGES = (
    *("/activate", "/activate/compare", "/activate/done", "/devices", "/sign-in", "/sign-in/forgotten", "/styleguide"),
    *("/support", "/support/account", "/support/account/password", "/support/history"),
    *("/support/sign-in", "/support/sign-in/second-factor", "/support/sign-in/enrol"),
)
_VIEWER_PAGE = re.compile(
    "/support/viewers/[A-Za-z0-9]{1,64}(?:/link|/unlink-all|/sign-out|/password-mail|/devices/[0-9a-f]{32}/unlink)?"
)
_TV_PAGE = re.compile("/devices/[0-9a-f]{32}/(name|unlink)")
# Sign-in itself decides whether it knows the path in the query.
_SIGN_IN_PAGE = re.compile(
    r"(/support)?/sign-in(/second-factor|/enrol|/forgotten)?\?next=[A-Za-z0-9/._~%-]{1,500}(&again=1)?"
)
# As Babel has them, which would read all that it knows of each language, for a tenth of a second at every start. With a
# capital letter: within a sentence some languages write their own name without.
NAMES = {
    "en": "English",
    "ar": "العربية",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "ja": "日本語",
    "pt-BR": "Português (Brasil)",
}
_COOKIE_SECONDS = 365 * 24 * 3600


class LanguageForm(PortalForm):
    """The switch: the language whose button was pressed, and the page to return to."""

    language = HiddenField()
    next = HiddenField()


@bp.post("/language")
def choose_language() -> Response:
    form = LanguageForm()
    # A button that sends another form has the page in its address: the form may have a field of that name.
    page = page_to_return_to(request.args.get("next") or form.next.data or "")
    response = see_other(page)
    _keep_typed(response, page)
    chosen = form.language.data
    if chosen in languages():
        settings = services().settings
        secure = settings.is_https
        response.set_cookie(
            settings.cookie_name(COOKIE), chosen, max_age=_COOKIE_SECONDS, secure=secure, httponly=True, samesite="Lax"
        )
        remember(chosen)
    return response


def _keep_typed(response: Response, page: str) -> None:
    """Keep what stands in the form whose button was pressed, for the page that is shown again."""
    if "password" in request.form or page.startswith(FORGOTTEN_PASSWORD):
        identity.keep_typed(request.form)
    elif is_console_path(page):
        draft.keep_sent(response, page)
    elif "name" in request.form:
        identity.keep_tv_name(request.form["name"], page)
    else:
        pin_cookie.keep_sent(response)


@on_stale_form("language.choose_language")
def choose_language_anyway() -> Response:
    # It does no harm, whoever is signed in by now. Browsers send no cookie along with a form of another site.
    if is_from_another_site() or not identity.has_cookie():
        return error_page(400, stale_reason())
    return choose_language()


def init_app(app: Flask) -> None:
    """Translate each page into the language of its request."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(TRANSLATIONS)
    Babel(app, locale_selector=current_locale)
    _translate_templates(page_environment(app))
    app.register_blueprint(bp)


def _translate_templates(templates: PageEnvironment) -> None:
    """Give templates their catalogues, for the texts that are translated when they are shown too."""
    templates.catalogue_of = _catalogue
    templates.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=lambda text: templates.catalogue_of(current_locale()).ugettext(text),
        ngettext=lambda one, several, number: templates.catalogue_of(current_locale()).ungettext(one, several, number),
        newstyle=True,
    )
    templates.globals["_"] = templates.globals["gettext"]


@cache
def _catalogue(locale: Locale) -> NullTranslations:
    return Translations.load(str(TRANSLATIONS), [locale])


def current_language() -> str:
    """Return the code of the language of this page, such as ``pt-BR``."""
    return code(current_locale())


def code(locale: Locale) -> str:
    """Return the code of a language, such as ``pt-BR``."""
    return str(locale).replace("_", "-")


def choices() -> list[tuple[str, str]]:
    """Return each language's code and its name in that language, for a list."""
    return [(code, NAMES[code]) for code in languages()]


def page_to_return_to(path: str) -> str:
    """Return the path of a page if a GET can show it again, else the path of a page that it belongs to.

    A page to sign in keeps its query, which says where to go on, and the history its filter. No page of the other
    origin is returned.
    """
    page = _page_of(path)
    if services().settings.staff_url and is_console_path(page) != is_console_origin():
        return CONSOLE if is_console_origin() else HOME
    return page


def _page_of(path: str) -> str:
    if any(page.fullmatch(path) for page in (_SIGN_IN_PAGE, FILTERED_HISTORY, _TV_PAGE)):
        return path
    viewer = _VIEWER_PAGE.match(path)
    if viewer:
        return viewer[0]
    if path.startswith("/devices/"):
        return "/devices"
    if path in _PAGES:
        return path
    return CONSOLE if is_console_path(path) else HOME


def remember(code: str) -> None:
    """Save the viewer's language, for mails to them; a failure is only logged."""
    try:
        viewer = identity.current_viewer()
        if viewer and services().preferences.language(viewer.consumer_id) != code:
            services().preferences.set_language(viewer.consumer_id, code)
    except SQLAlchemyError as error:
        log.warning("language_not_remembered", why=describe(error))
