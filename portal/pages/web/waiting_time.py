"""How long to wait, in words."""

from math import ceil

from flask_babel import ngettext


def in_words(seconds: int | None) -> str | None:
    """Return a time to wait in words, rounded up; none for none."""
    if seconds is None:
        return None
    if seconds <= 90:
        return str(ngettext("%(num)d second", "%(num)d seconds", max(seconds, 1)))
    minutes = ceil(seconds / 60)
    if minutes <= 90:
        return str(ngettext("%(num)d minute", "%(num)d minutes", minutes))
    return str(ngettext("%(num)d hour", "%(num)d hours", ceil(seconds / 3600)))
