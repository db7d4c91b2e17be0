"""The page that shows a viewer the ways to sign in, and where a sign-in may lead."""

from flask import Response

from portal.pages.auth.forms import SignInForm
from portal.pages.auth.handoff import sign_in as handoff
from portal.pages.identity import pin_cookie
from portal.pages.identity import viewer as identity
from portal.pages.web.paths import HOME
from portal.pages.web.responses import render_page
from portal.services import services

# Where a sign-in may lead. Every other path in a form or a link is ignored.
NEXT_PATHS = (HOME, "/devices")


def known_path(path: str | None) -> str:
    """Return the path to go on to after sign-in: one of NEXT_PATHS, HOME for every other."""
    return path if path in NEXT_PATHS else HOME


def sign_in_page(
    form: SignInForm | None = None,
    *,
    next_path: str = HOME,
    problem: str | None = None,
    retry_after: int | None = None,
    status: int = 200,
    note: str | None = None,
) -> Response:
    """Return the page that shows the ways to sign in, with the form as it was sent but for the password.

    Args:
        problem: a SignInOutcome that is not success, ``cancelled``, ``stale`` or ``signed_out_everywhere``.
        note: what happened to a PIN before this page, a Flash.
    """
    settings = services().settings
    if problem is None and handoff.is_without_cookies():
        problem = "no_cookies"
    providers = settings.sign_in
    form = form or SignInForm(formdata=None, email=identity.take_typed("email"))
    return render_page(
        "auth/sign_in.html",
        status,
        retry_after=retry_after,
        form=form if "password" in providers else None,
        providers=providers,
        handoff_url=settings.handoff_url,
        next=next_path,
        problem=problem,
        note=note,
        pin_kept=bool(pin_cookie.read_typed()),
    )
