"""Which page of ours an address means, however it was written down, and which PIN it names."""

import re
import unicodedata
from urllib.parse import quote, unquote, unquote_plus

from flask import current_app, request
from werkzeug.exceptions import HTTPException

HOME = "/activate"
FORGOTTEN_PASSWORD = "/sign-in/forgotten"  # noqa: S105 - a path, not a password
# The one page of the console whose query is kept on the way through a sign-in: the history with its filter.
FILTERED_HISTORY = re.compile(r"/support/history\?[A-Za-z0-9&=%+._~:-]{1,1000}")
# The page with the form for a path that only takes a POST, where that is not the nearest page above it.
FORM_PAGES = {
    "/activate/confirm": "/activate/compare",
    "/activate/undo": "/activate/done",
    "/sign-out/everywhere": "/devices",
    "/support/sign-out/everywhere": "/support/account",
}
# Not as a part of another word, such as in "spinner" or "your-pin". What ends the value is what joins parameters.
_PIN = re.compile(r"(?<![\w-])pin\s*=([^?&#;]*)|(?<![^?&#;])pin(?=[?&#;]|$)", re.IGNORECASE)
_JOINS = re.compile("[?&#;]")
# Punctuation, symbols, white space and what can't be seen, as printed or copied along with an address.
_AROUND = ("P", "S", "Z", "Cf")


def canonical_path(path: str) -> str | None:
    """Return the path of ours that a path means; none if it means none of ours.

    Any case and any number of slashes will do. A path without a variable part may also end with punctuation, and with a
    query or fragment whose sign came percent-encoded. The variable parts stay as they are.
    """
    whole, fixed = _segments(path), _segments(_without_end(path))
    for rule in current_app.url_map.iter_rules():
        wanted, given = _segments(rule.rule), whole if rule.arguments else fixed
        if len(wanted) == len(given) and all(map(_means, given, wanted)):
            return "/" + "/".join(given[at] if part[0] == "<" else part for at, part in enumerate(wanted))
    return None


def canonical_address(path: str) -> str:
    """Return a canonical path with this request's query, in which no parameter with a PIN is left."""
    parts = _query().split("&")
    query = "&".join(part for part in parts if part and _pin_in(unquote_plus(part)) is None)
    return quote(path) + (f"?{query}" if query else "")


def page_of_form(path: str) -> str:
    """Return the page with the form for a path that only takes a POST: by the table, or else the nearest one above."""
    if path in FORM_PAGES:
        return FORM_PAGES[path]
    above = path.rpartition("/")[0]
    while above and not takes_get(above):
        above = above.rpartition("/")[0]
    return quote(above) or HOME


def pin_in_address() -> str | None:
    """Return what this request's address has in place of a PIN, as it was typed; none if it names none."""
    query = unquote_plus(_query())
    _, *ends = _JOINS.split(_plain(request.path), 1)
    return _pin_in("&".join([query, *ends])) if query or ends else None


def _query() -> str:
    return request.query_string.decode(errors="replace")


def _pin_in(text: str) -> str | None:
    """Return the first PIN that a decoded text names, or an empty text if it names one and says none."""
    named = [match[1] or "" for match in _PIN.finditer(_plain(text))]
    return next((pin for pin in named if pin.strip()), "" if named else None)


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _plain(text: str) -> str:
    """Return a text without percent-encoding, and with full-width letters and signs as ordinary ones."""
    return unicodedata.normalize("NFKC", unquote(text))


def _without_end(path: str) -> str:
    end = len(path := _JOINS.split(_plain(path), 1)[0])
    while end and (path[end - 1].isspace() or unicodedata.category(path[end - 1]).startswith(_AROUND)):
        end -= 1
    return path[:end]


def _means(given: str, wanted: str) -> bool:
    return wanted[0] == "<" or given.lower() == wanted


def takes_get(path: str) -> bool:
    """Tell whether a GET of a path shows a page."""
    try:
        current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return False
    return True
