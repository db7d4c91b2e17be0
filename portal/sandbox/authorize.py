"""The login service's sign-in page: the first half of the authorization code flow (RFC 6749, 7636, 9207)."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as WerkzeugResponse

from portal.sandbox.state import sandbox
from portal.sandbox.tokens import SCOPE

bp = Blueprint("authorize", __name__)

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class AuthorizationRequest:
    """A client's authorization request.

    Args:
        redirect_uri: checked.
        challenge: the S256 code challenge.
        error: what is wrong with the request, by RFC 6749 section 4.1.2.1; None if nothing is.
    """

    client_id: str
    redirect_uri: str
    state: str
    challenge: str
    scope: str
    error: str | None


class UnknownClient(Exception):
    """The client or its address is unknown, so the browser must not be sent there (RFC 6749 section 4.1.2.1)."""


@bp.errorhandler(UnknownClient)
def unknown_client(_: UnknownClient) -> tuple[str, int]:
    return render_template("unknown_client.html"), 400


@bp.get("/oauth/authorize")
def sign_in_page() -> WerkzeugResponse:
    authorization = _authorization_request()
    if authorization.error:
        return _redirect_back(authorization, error=authorization.error)
    return _page("", has_failed=False)


@bp.post("/oauth/authorize")
def sign_in() -> WerkzeugResponse:
    authorization = _authorization_request()
    if authorization.error or "cancel" in request.form:
        return _redirect_back(authorization, error=authorization.error or "access_denied")
    email = request.form.get("email", "").strip()
    consumer = sandbox().store.sign_in(email, request.form.get("password", ""))
    if not consumer:
        return _page(email, has_failed=True)
    code = sandbox().tokens.issue_code(
        consumer.id,
        authorization.client_id,
        authorization.redirect_uri,
        authorization.challenge,
        authorization.scope,
    )
    return _redirect_back(authorization, code=code)


def _authorization_request() -> AuthorizationRequest:
    """Read the request.

    Raises:
        UnknownClient: if there is no address that the browser may be sent back to.
    """
    query = {name: request.args.get(name, "") for name in request.args}
    if query.get("client_id") != sandbox().client_id or query.get("redirect_uri") != sandbox().redirect_uri:
        raise UnknownClient
    return AuthorizationRequest(
        client_id=query["client_id"],
        redirect_uri=query["redirect_uri"],
        state=query.get("state", ""),
        challenge=query.get("code_challenge", ""),
        scope=query.get("scope") or SCOPE,
        error=_error(query),
    )


def _error(query: dict[str, str]) -> str | None:
    is_repeated = any(len(request.args.getlist(name)) > 1 for name in query)
    has_challenge = query.get("code_challenge_method") == "S256" and _CHALLENGE.fullmatch(
        query.get("code_challenge", "")
    )
    if is_repeated or not has_challenge:
        return "invalid_request"
    if query.get("response_type") != "code":
        return "unsupported_response_type"
    if query.get("scope", SCOPE) not in ("", SCOPE):
        return "invalid_scope"
    return None


def _redirect_back(authorization: AuthorizationRequest, **answer: str) -> WerkzeugResponse:
    """Redirect the browser to the client, with the issuer against mix-up attacks (RFC 9207)."""
    query = {**answer, "iss": request.host_url.rstrip("/")}
    if authorization.state:
        query["state"] = authorization.state
    return redirect(f"{authorization.redirect_uri}?{urlencode(query)}", 303)


def _page(email: str, has_failed: bool) -> Response:
    html = render_template("sign_in.html", email=email, has_failed=has_failed)
    return make_response(html, 422 if has_failed else 200)
