"""A TV: a page that acquires a PIN, shows it, waits to be linked and greets the viewer."""

from io import BytesIO

import segno
from flask import Blueprint, Response, abort, render_template, request

from portal.sandbox import seed
from portal.sandbox.state import sandbox

bp = Blueprint("tv", __name__)


@bp.get("/tv")
def tv() -> str:
    box = sandbox()
    return render_template(
        "tv.html",
        activate_url=box.activate_url,
        shown_url=box.activate_url.partition("://")[2],
        app_key=box.app_key,
        client_id=seed.TV_CLIENT_ID,
    )


@bp.get("/tv/qr.svg")
def qr() -> Response:
    """Draw the QR code of a device's PIN. It is asked for by the device, so that no PIN stands in a URL."""
    device = sandbox().store.status(request.args.get("device", ""))
    if not device or device.consumer_id:
        abort(404)
    drawing = BytesIO()
    # A Micro QR code would be smaller, but phones don't read it; a style attribute would need a laxer policy.
    code = segno.make(f"{sandbox().activate_url}#pin={device.pin}", error="m", micro=False)
    code.save(drawing, kind="svg", xmldecl=False, nl=False, omitsize=True, svgclass=None, lineclass=None)
    answer = Response(drawing.getvalue(), mimetype="image/svg+xml")
    answer.headers["Cache-Control"] = "no-store"
    return answer
