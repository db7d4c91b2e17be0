"""The sandbox's front page, its record, its mails, the health check, and what browsers and search engines ask for."""

from flask import Blueprint, Response, current_app, render_template, send_from_directory
from markupsafe import Markup

from portal.sandbox import seed
from portal.sandbox.documents import JSON
from portal.sandbox.state import sandbox

bp = Blueprint("pages", __name__)

_DAY_SECONDS = 24 * 60 * 60


@bp.get("/")
def index() -> str:
    return render_template(
        "index.html",
        activate_url=sandbox().activate_url,
        styleguide_url=f"{sandbox().portal_origin}/styleguide",
        named=(seed.ALICE, seed.MALLORY),
        viewers=seed.VIEWERS,
        staff=seed.STAFF,
        magic_pins=seed.MAGIC_PINS,
    )


@bp.get("/sandbox/record")
def record() -> list[JSON]:
    return sandbox().record.as_json()


@bp.get("/mail")
def mail() -> str:
    return render_template("mail.html", mails=sandbox().mailbox.all()[::-1])


@bp.get("/mail.json")
def mail_as_json() -> list[JSON]:
    return sandbox().mailbox.all()


@bp.get("/healthz")
def healthz() -> Response:
    return Response("ok\n", mimetype="text/plain")


@bp.get("/favicon.ico")
def favicon() -> Response:
    return _icon("favicon.ico")


@bp.get("/apple-touch-icon.png")
@bp.get("/apple-touch-icon-<kind>.png")
def touch_icon(kind: str = "") -> Response:
    return _icon("apple-touch-icon.png")


@bp.get("/robots.txt")
def robots() -> Response:
    return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain")


def _icon(name: str) -> Response:
    return send_from_directory(current_app.static_folder or "", name, max_age=_DAY_SECONDS)


@bp.app_template_filter("code")
def code(text: str) -> Markup:
    """Mark up the parts of a text between backticks as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup('<code translate="no">{}</code>').format(part) if index % 2 else part for index, part in enumerate(parts)
    )
