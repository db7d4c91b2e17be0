"""The locale of a page, found once a request."""

from babel import Locale
from flask import g
from flask_babel import get_locale


def current_locale() -> Locale:
    """Return the locale of this page, where Flask-Babel keeps it: that looks at much else each time it is asked."""
    locale: Locale = g.get("babel_locale") or get_locale()
    return locale
