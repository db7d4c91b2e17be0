"""The page that shows support staff the ways to sign in, and where a sign-in may lead."""

from urllib.parse import quote

from flask import Response

from portal.pages.identity import agent as staff_identity
from portal.pages.identity import viewer as identity
from portal.pages.staff_auth.forms import StaffSignInForm
from portal.pages.staff_auth.provider_link import link_token
from portal.pages.web.origins import CONSOLE, is_console_path
from portal.pages.web.paths import FILTERED_HISTORY, takes_get
from portal.pages.web.responses import render_page, see_other
from portal.services import services

SIGN_IN = "/support/sign-in"
# Paths below /support that are part of signing in or out: no sign-in leads there.
EXCLUDED = (SIGN_IN, "/support/sign-out")


def known_staff_path(path: str | None) -> str:
    """Return the path to go on to after sign-in: of a page of the console, CONSOLE for every other.

    The history may have its filter as a query.
    """
    return path if path and (FILTERED_HISTORY.fullmatch(path) or _is_console_page(path)) else CONSOLE


def redirect_to(path: str, next_path: str = CONSOLE) -> Response:
    """Return the redirect to a path, with the path to go on to afterwards in its query, unless that is CONSOLE."""
    query = f"?next={quote(next_path)}" if next_path != CONSOLE else ""
    return see_other((path if FILTERED_HISTORY.fullmatch(path) else quote(path)) + query)


def staff_sign_in_page(
    form: StaffSignInForm | None = None,
    *,
    next_path: str = CONSOLE,
    problem: str | None = None,
    retry_after: int | None = None,
    status: int = 200,
    reauthenticate: bool = False,
) -> Response:
    """Return the page that shows the ways to sign in to the console, like ``auth.sign_in_page``.

    Args:
        problem: a name that ``components/staff_sign_in_outcome.html`` has words for.
        reauthenticate: the agent is signed in, but the page that they opened needs a sign-in of a few minutes ago.
    """
    form = form or StaffSignInForm(formdata=None, name=identity.take_typed("name"))
    has_provider = services().settings.staff_oidc_issuer is not None
    has_form = services().agents.has_local() or not has_provider
    return render_page(
        "staff/sign_in.html",
        status,
        retry_after=retry_after,
        form=form if has_form else None,
        has_provider=has_provider,
        has_signed_out=has_provider and staff_identity.has_signed_out(),
        was_refused=has_provider and staff_identity.was_refused(),
        link_token=link_token() if has_provider else None,
        next=next_path,
        problem=problem,
        reauthenticate=reauthenticate,
    )


def _is_console_page(path: str) -> bool:
    """Tell whether a path is one of a page of the console that a GET opens."""
    # A browser would remove dot segments and go elsewhere.
    if not is_console_path(path) or "/." in path or any(path == way or path.startswith(f"{way}/") for way in EXCLUDED):
        return False
    return takes_get(path)
