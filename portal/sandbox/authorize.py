"""The login service's sign-in page: the first half of the authorization code flow (RFC 6749, 7636, 9207)."""

import re
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as WerkzeugResponse

from portal.sandbox.state import sandbox
from portal.sandbox.tokens import SCOPE

bp = Blueprint("authorize", __name__)

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class UnknownClient(Exception):
    """The client or its address is unknown, so the browser must not be sent there (RFC 6749 section 4.1.2.1)."""


@bp.errorhandler(UnknownClient)
def unknown_client(_: UnknownClient) -> tuple[str, int]:
    return render_template("unknown_client.html"), 400


@bp.get("/oauth/authorize")
def sign_in_page() -> WerkzeugResponse:
    query = _query()
    error = _error(query)
    if error:
        return _redirect_back(query, error=error)
    return _page("", has_failed=False)


@bp.post("/oauth/authorize")
def sign_in() -> WerkzeugResponse:
    query = _query()
    error = _error(query)
    if error or "cancel" in request.form:
        return _redirect_back(query, error=error or "access_denied")
    email = request.form.get("email", "").strip()
    consumer = sandbox().passwords.sign_in(email, request.form.get("password", ""))
    if not consumer:
        return _page(email, has_failed=True)
    code = sandbox().tokens.issue_code(
        consumer.id, query["client_id"], query["redirect_uri"], query["code_challenge"], query.get("scope") or SCOPE
    )
    return _redirect_back(query, code=code)


def _query() -> dict[str, str]:
    """Return the request's parameters, or raise UnknownClient: then there is nowhere to send the browser back to."""
    query = request.args.to_dict()
    if query.get("client_id") != sandbox().client_id or query.get("redirect_uri") != sandbox().redirect_uri:
        raise UnknownClient
    return query


def _error(query: dict[str, str]) -> str | None:
    """Return what is wrong with the request, by RFC 6749 section 4.1.2.1; None if nothing is."""
    is_repeated = any(len(request.args.getlist(name)) > 1 for name in query)
    is_s256 = query.get("code_challenge_method") == "S256"
    if is_repeated or not is_s256 or not _CHALLENGE.fullmatch(query.get("code_challenge", "")):
        return "invalid_request"
    if query.get("response_type") != "code":
        return "unsupported_response_type"
    if query.get("scope", SCOPE) not in ("", SCOPE):
        return "invalid_scope"
    return None


def _redirect_back(query: dict[str, str], **answer: str) -> WerkzeugResponse:
    """Redirect the browser to the client, with the issuer against mix-up attacks (RFC 9207)."""
    answer["iss"] = request.host_url.rstrip("/")
    if query.get("state"):
        answer["state"] = query["state"]
    return redirect(f"{query['redirect_uri']}?{urlencode(answer)}", 303)


def _page(email: str, has_failed: bool) -> Response:
    html = render_template("sign_in.html", email=email, has_failed=has_failed)
    return make_response(html, 422 if has_failed else 200)
