"""A TV: a page that acquires a PIN, shows it, waits until it is linked and greets the viewer."""

from io import BytesIO

import segno
from flask import Blueprint, Response, abort, render_template, request

from portal.sandbox import seed
from portal.sandbox.state import sandbox

bp = Blueprint("tv", __name__)


# Whose calls a TV makes, and how the page calls that app; none for our own script.
APPS = {"": "activate-tv.js", "roku": "Roku", "tizen": "Tizen", "fire": "Fire TV"}


@bp.get("/tv")
def tv() -> str:
    app = request.args.get("app", "")
    if app not in APPS:
        abort(404)
    return render_template(
        "tv.html",
        app=app,
        apps=APPS,
        is_embedded="embedded" in request.args,
        activate_url=sandbox().activate_url,
        shown_url=sandbox().activate_url.partition("://")[2],
        app_key=sandbox().app_key,
        client_id=seed.TV_CLIENT_ID,
    )


@bp.get("/living-room")
def living_room() -> str:
    return render_template("living_room.html", apps=APPS)


@bp.get("/tv/qr.svg")
def qr() -> Response:
    """Return the QR code of a device's PIN, found by the device id so that no PIN is in a URL."""
    device = sandbox().store.status(request.args.get("device", ""))
    if not device or device.consumer_id:
        abort(404)
    drawing = BytesIO()
    # Phones don't read a Micro QR code, and the content security policy forbids a style attribute.
    code = segno.make(f"{sandbox().activate_url}#pin={device.pin}", error="m", micro=False)
    code.save(drawing, kind="svg", xmldecl=False, nl=False, omitsize=True, svgclass=None, lineclass=None)
    answer = Response(drawing.getvalue(), mimetype="image/svg+xml")
    answer.headers["Cache-Control"] = "no-store"
    return answer
