"""How long to wait, in words."""

from math import ceil

from flask_babel import ngettext


def in_words(seconds: int | None) -> str | None:
    """Return a time to wait as a person would say it, rounded up, or none where there is none to say.

    Args:
        seconds: at least one; ``Retry-After`` carries the same number.
    """
    if seconds is None:
        return None
    if seconds <= 90:
        return str(ngettext("%(num)d second", "%(num)d seconds", max(seconds, 1)))
    minutes = ceil(seconds / 60)
    if minutes <= 90:
        return str(ngettext("%(num)d minute", "%(num)d minutes", minutes))
    return str(ngettext("%(num)d hour", "%(num)d hours", ceil(seconds / 3600)))
