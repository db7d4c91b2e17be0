"""An authenticator app: the codes that an agent's phone would show, for those who have none at hand."""

import binascii
from dataclasses import dataclass

import pyotp
from flask import Blueprint, Response, make_response, render_template, request

from portal.sandbox import seed
from portal.sandbox.state import sandbox

bp = Blueprint("authenticator", __name__)

# What an app shows to whoever typed a secret wrong.
UNREADABLE = "That is no secret: it has letters from A to Z and digits from 2 to 7, and at least 26 of them."


@dataclass(frozen=True)
class Codes:
    """What the app shows of one secret.

    Args:
        now: the code of this half-minute.
        next: the code after it, which is good already where one has been used up.
    """

    now: str
    next: str


@bp.get("/authenticator")
def authenticator() -> Response:
    return _page()


@bp.post("/authenticator")
def another() -> Response:
    """Show the codes of a secret that was pasted. By POST, so that it stands in no address."""
    secret = request.form.get("secret", "")
    try:
        return _page(secret, _codes("".join(secret.split()).upper()))
    except (binascii.Error, ValueError):
        return _page(secret, problem=UNREADABLE, status=422)


def _page(secret: str = "", own: Codes | None = None, problem: str | None = None, status: int = 200) -> Response:
    page = render_template(
        "authenticator.html",
        staff=[(person, _codes(person.secret)) for person in seed.STAFF],
        seconds=30 - int(sandbox().clock().timestamp()) % 30,
        secret=secret,
        own=own,
        problem=problem,
    )
    answer = make_response(page, status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _codes(secret: str) -> Codes:
    if not secret:
        raise ValueError("no secret")
    app = pyotp.TOTP(secret)
    now = sandbox().clock()
    return Codes(app.at(now), app.at(now, counter_offset=1))
