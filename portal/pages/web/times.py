"""Times as people say them: how long ago it was, and after a week the date."""

from datetime import UTC, datetime, timedelta

from babel.dates import format_timedelta
from flask_babel import format_date, get_locale
from jinja2 import Environment

_UNITS = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))
_A_WEEK = timedelta(days=7)


def register(templates: Environment) -> None:
    """Add the filter ``ago``, and what the script of local times needs to know of a language."""
    templates.filters["ago"] = ago
    templates.globals["date_time_pattern"] = date_time_pattern


def ago(at: datetime) -> str:
    """Return how long ago it was, in the language of the page; after a week the date, which is that of UTC.

    Which day it was is known to the reader's clock alone: "today" and "yesterday" are for a script to say.
    """
    # The database's clock may be ahead of this one.
    age = max(datetime.now(UTC) - at, timedelta(seconds=1))
    if age >= _A_WEEK:
        return str(format_date(at, "long"))
    # Babel rounds: 59.5 minutes would be 60.
    whole = age - age % next(unit for unit in _UNITS if age >= unit)
    return str(format_timedelta(-whole, locale=get_locale(), threshold=1, add_direction=True))


def date_time_pattern() -> str:
    """Return how a date and a time stand together in the language of the page, such as ``{1}, {0}``."""
    return str(get_locale().datetime_formats["medium"])
