"""Which language the pages speak: the one that was chosen, else what the browser asks for, else the operator's."""

from babel import Locale
from flask import Blueprint, Flask, Response, current_app, redirect, request
from flask_babel import Babel, get_locale

from portal.config import Settings
from portal.services import services
from portal.setting_types import LANGUAGES_FOLDER, languages

bp = Blueprint("language", __name__)

_COOKIE = "activate-language"
_COOKIE_SECONDS = 365 * 24 * 3600


@bp.post("/language")
def choose_language() -> Response:
    response = current_app.make_response(redirect(here(request.form.get("next", "")), 303))
    chosen = request.form.get("language")
    if chosen in languages():
        secure = services().settings.is_https
        response.set_cookie(_COOKIE, chosen, max_age=_COOKIE_SECONDS, secure=secure, httponly=True, samesite="Lax")
    return response


def init_app(app: Flask, settings: Settings) -> None:
    """Make the pages speak the language of each request."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(LANGUAGES_FOLDER)

    def select() -> str:
        return _chosen(settings).replace("-", "_")

    Babel(app, locale_selector=select)
    app.register_blueprint(bp)


def current_language() -> str:
    """Return the code of the language of this page, such as ``pt-BR``."""
    return str(get_locale()).replace("_", "-")


def text_direction() -> str:
    """Return ``ltr`` or ``rtl``."""
    direction: str = get_locale().text_direction
    return direction


def choices() -> list[tuple[str, str]]:
    """Return each language's code and its name in that language."""
    return [(code, Locale.parse(code, sep="-").get_display_name() or code) for code in languages()]


def here(path: str) -> str:
    """Return a path of a page that can be shown again by a GET, else the first page."""
    return path if path in ("/activate", "/activate/done", "/sign-in") else "/activate"


def _chosen(settings: Settings) -> str:
    chosen = request.cookies.get(_COOKIE)
    if chosen in languages():
        return chosen
    # Where nothing fits, best_match would take the first of the list, so the operator's language is asked for last.
    return request.accept_languages.best_match(languages()) or settings.language
