"""The mail for a forgotten password, which lands on /mail, and the page that its link leads to."""

from email.message import EmailMessage

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.sandbox.seed import Consumer
from portal.sandbox.state import sandbox

bp = Blueprint("forgotten_password", __name__)


def send_mail(consumer: Consumer) -> None:
    """Send a consumer a link by which they can set a new password."""
    token = sandbox().passwords.new_link(consumer)
    link = url_for("forgotten_password.new_password", token=token, _external=True)
    mail = EmailMessage()
    mail["To"] = consumer.email
    mail["Subject"] = "Set a new password"
    mail["Content-Language"] = "en"
    mail.set_content(f"Somebody asked for a new password for your account. If it was you, set it here:\n\n{link}\n")
    sandbox().mailbox.add(mail.as_bytes(), [consumer.email])


@bp.get("/passwords/<token>")
def new_password(token: str) -> str:
    if not sandbox().passwords.has_link(token):
        abort(404)
    return render_template("new_password.html", has_failed=False)


@bp.post("/passwords/<token>")
def set_password(token: str) -> Response | tuple[str, int]:
    password = request.form.get("password", "")
    if sandbox().passwords.has_link(token) and not password:
        return render_template("new_password.html", has_failed=True), 422
    if not sandbox().passwords.change(token, password):
        abort(404)
    return redirect(sandbox().activate_url, 303)
