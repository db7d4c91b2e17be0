"""The login service's own sign-in page: the front half of the authorization code flow (RFC 6749, 7636, 9207)."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from portal.sandbox.state import sandbox
from portal.sandbox.tokens import SCOPE

bp = Blueprint("authorize", __name__)

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Asked:
    """What a client asks for by sending a browser here.

    Args:
        client_id: the client.
        redirect_uri: where it wants the browser back; it has been checked.
        state: handed back as it came.
        challenge: the S256 code challenge.
        scope: words parted by spaces.
        error: what is wrong with the request, by RFC 6749 section 4.1.2.1; None if nothing is.
    """

    client_id: str
    redirect_uri: str
    state: str
    challenge: str
    scope: str
    error: str | None


class NotOurClient(Exception):
    """The client or its address is unknown, so the browser must not be sent there (RFC 6749 section 4.1.2.1)."""


@bp.errorhandler(NotOurClient)
def not_our_client(_: NotOurClient) -> Response:
    return make_response(render_template("refused.html"), 400)


@bp.get("/oauth/authorize")
def sign_in_page() -> AnyResponse:
    asked = _asked()
    if asked.error:
        return _back(asked, error=asked.error)
    return _page("", has_failed=False)


@bp.post("/oauth/authorize")
def sign_in() -> AnyResponse:
    asked = _asked()
    if asked.error or "cancel" in request.form:
        return _back(asked, error=asked.error or "access_denied")
    email = request.form.get("email", "").strip()
    found = sandbox().store.sign_in(email, request.form.get("password", ""))
    if not found:
        return _page(email, has_failed=True)
    code = sandbox().tokens.issue_code(found.id, asked.client_id, asked.redirect_uri, asked.challenge, asked.scope)
    return _back(asked, code=code)


@bp.after_request
def keep_nothing(answer: Response) -> Response:
    """Forbid caches to keep a page with an e-mail or a redirect with a code."""
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _asked() -> Asked:
    """Read the request.

    Raises:
        NotOurClient: if there is no address that the browser may be sent back to.
    """
    query = {name: request.args.get(name, "") for name in request.args}
    if query.get("client_id") != sandbox().client_id or query.get("redirect_uri") != sandbox().redirect_uri:
        raise NotOurClient
    return Asked(
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


def _back(asked: Asked, **answer: str) -> AnyResponse:
    """Send the browser back to the client, with the issuer named against a mix-up of servers (RFC 9207)."""
    query = {**answer, "iss": request.host_url.rstrip("/")}
    if asked.state:
        query["state"] = asked.state
    return redirect(f"{asked.redirect_uri}?{urlencode(query)}", 303)


def _page(email: str, has_failed: bool) -> Response:
    html = render_template("sign_in.html", email=email, has_failed=has_failed)
    return make_response(html, 422 if has_failed else 200)
