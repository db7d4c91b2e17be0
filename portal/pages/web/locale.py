"""The locale of a page, by the language that was chosen, else one that the browser asks for, else the operator's."""

from functools import cache, lru_cache

from babel import Locale
from flask import g, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from portal.services import services
from portal.settings.package_data import languages

# Of the cookie with the language that was chosen.
COOKIE = "activate-language"


def current_locale() -> Locale:
    """Return the locale of this page, found once a request."""
    locale: Locale | None = g.get("locale")
    if locale is None:
        locale = g.locale = _locale(_language())
    return locale


def _language() -> str:
    settings, cookies = services().settings, request.cookies
    name = settings.cookie_name(COOKIE)
    if name in cookies and cookies[name] in languages():
        return cookies[name]
    return _asked_for(request.environ.get("HTTP_ACCEPT_LANGUAGE", "")) or settings.language


@lru_cache(maxsize=256)
def _asked_for(header: str) -> str | None:
    """Return the first of our languages that a header asks for; most browsers send one of a few."""
    # Werkzeug's best_match prefers an exact match to the browser's order: English for "pt-PT, pt;q=0.9, en;q=0.8".
    tags = (tag.lower() for tag, quality in parse_accept_header(header, LanguageAccept) if quality > 0)
    supported = (_tags().get(tag) or _tags().get(tag.partition("-")[0]) for tag in tags)
    return next(filter(None, supported), None)


@cache
def _tags() -> dict[str, str]:
    """Return the language for each tag that asks for it: the whole tag, or its first part."""
    codes = languages()
    return {code.partition("-")[0]: code for code in codes} | {code.lower(): code for code in codes}


@cache
def _locale(code: str) -> Locale:
    return Locale.parse(code, sep="-")
