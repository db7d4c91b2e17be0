"""The sandbox's front page, its record, the mails that it took, and the sign that it is alive."""

from flask import Blueprint, Response, jsonify, render_template
from markupsafe import Markup

from portal.sandbox import seed
from portal.sandbox.state import sandbox

bp = Blueprint("pages", __name__)


@bp.get("/")
def index() -> str:
    return render_template(
        "index.html",
        activate_url=sandbox().activate_url,
        named=(seed.ALICE, seed.MALLORY),
        viewers=seed.VIEWERS,
        staff=seed.STAFF,
        magic_pins=seed.MAGIC_PINS,
    )


@bp.get("/sandbox/record")
def record() -> Response:
    return jsonify(sandbox().record.as_json())


@bp.get("/mail")
def mail() -> str:
    return render_template("mail.html", mails=sandbox().mailbox.newest_first())


@bp.get("/mail.json")
def mail_as_json() -> Response:
    return jsonify(sandbox().mailbox.as_json())


@bp.get("/healthz")
def healthz() -> Response:
    return Response("ok\n", mimetype="text/plain")


@bp.app_template_filter("code")
def code(text: str) -> Markup:
    """Return text whose parts between backticks are marked up as code, as the documentation shows them."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)
    )
