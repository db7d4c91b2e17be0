"""The two answers of nearly every view: a page, and the redirect that follows a form."""

from math import ceil
from typing import Any

from flask import Response, current_app, request
from flask_babel import ngettext

from portal.pages.web.jinja.environment import PageEnvironment, page_environment
from portal.pages.web.locale import current_locale
from portal.pages.web.whole_response import page_response, redirect_response

# The status of the page that says why something did not work, by the outcome or by the page's own name for it.
_STATUSES = {
    422: (
        *("not_found", "refused", "malformed", "gone", "wrong"),
        *("empty", "stale", "no_cookies", "invalid", "some_gone", "not_kept", "changed"),
    ),
    429: ("too_many",),
    503: ("unavailable", "unknown", "busy", "misconfigured", "some_left"),
}
STATUSES = {problem: status for status, problems in _STATUSES.items() for problem in problems}


def see_other(path: str) -> Response:
    """Return the redirect that follows a form: the browser gets the path, so that a reload sends nothing again."""
    return redirect_response(path, 303)


def status_of(problem: str | None) -> int:
    """Return the status of a page that shows a problem, or 200 for none."""
    return STATUSES[problem] if problem else 200


def render_page(template: str, status: int = 200, *, retry_after: int | None = None, **context: Any) -> Response:
    """Return a page.

    Args:
        retry_after: seconds until trying again may help, for the Retry-After header. The template has them in words as
            ``wait``, which is none where there are none.
        context: what else the template needs. ``status`` is there too, and ``failed``, which puts "Error:" into the
            title: it follows the status unless it is given.
    """
    templates = page_templates()
    own = {"status": status, "failed": status >= 400, "wait": in_words(retry_after)}
    page = templates.get_template(template).render({**templates.of_request(), **own, **context})
    return page_response(request, page, status, templates.preload, retry_after)


def page_templates() -> PageEnvironment:
    """Return what loads the templates in the language of this page."""
    return page_environment(current_app).in_language(current_locale())


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
