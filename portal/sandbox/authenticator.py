"""An authenticator app: the codes that the phones of the demo's support staff would show."""

import binascii

import pyotp
from flask import Blueprint, render_template, request

from portal.sandbox import seed
from portal.sandbox.state import sandbox

bp = Blueprint("authenticator", __name__)


@bp.get("/authenticator")
def authenticator() -> str:
    return _page()


@bp.post("/authenticator")
def own_secret() -> str | tuple[str, int]:
    """Show the codes of a pasted secret. By POST, so that the secret is in no URL."""
    secret = request.form.get("secret", "")
    try:
        return _page(secret, own=_codes("".join(secret.split()).upper()))
    except (binascii.Error, ValueError):
        problem = "That is no secret: it has letters from A to Z and digits from 2 to 7, and at least 26 of them."
        return _page(secret, problem=problem), 422


def _page(secret: str = "", own: dict[str, str] | None = None, problem: str | None = None) -> str:
    return render_template(
        "authenticator.html",
        staff=[(person, _codes(person.secret)) for person in seed.STAFF],
        seconds=30 - int(sandbox().clock().timestamp()) % 30,
        secret=secret,
        own=own,
        problem=problem,
    )


def _codes(secret: str) -> dict[str, str]:
    """Return the code of this half-minute and the next one, which is valid already."""
    if not secret:
        raise ValueError("no secret")
    app = pyotp.TOTP(secret)
    now = sandbox().clock()
    return {"now": app.at(now), "next": app.at(now, counter_offset=1)}
