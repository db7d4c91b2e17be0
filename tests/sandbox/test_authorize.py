"""The authorization code flow: the sign-in page, what a code is bound to, and redirects only to the portal."""

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from werkzeug.test import TestResponse

from portal.sandbox import seed
from tests.harness.cases import each
from tests.harness.markup import parsed
from tests.sandbox.conftest import CLIENT_ID, PORTAL, Calls, Clock

CALLBACK = f"{PORTAL}/sign-in/code/callback"
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
QUERY = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": CALLBACK,
    "scope": "consumer_profile.read",
    "state": "some state & more",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
ALICE = {"email": "alice@example.com", "password": "alice-password"}


def open_page(calls: Calls, **other: str) -> TestResponse:
    """Open the sign-in page."""
    return calls.http.get("/oauth/authorize", query_string=QUERY | other)


def sign_in(calls: Calls, **form: str) -> TestResponse:
    """Send the sign-in page's form."""
    return calls.http.post("/oauth/authorize", query_string=QUERY, data=form)


def callback_query(answer: TestResponse) -> dict[str, str]:
    """Return the query with which the browser is redirected to the portal."""
    assert answer.status_code == 303
    parts = urlsplit(answer.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == CALLBACK
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def exchange(calls: Calls, issued: str, **other: str) -> TestResponse:
    """Exchange a code for a token."""
    form = {"grant_type": "authorization_code", "code": issued, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return calls.token(**(form | other))


def test_it_publishes_metadata_of_its_own_origin(calls: Calls) -> None:
    found = calls.http.get("/.well-known/oauth-authorization-server", base_url="http://127.0.0.1:8001").json
    assert found["issuer"] == "http://127.0.0.1:8001"
    for name in ("authorization", "token", "revocation"):
        assert found[f"{name}_endpoint"].startswith("http://127.0.0.1:8001/oauth/")
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True


def test_it_signs_a_viewer_in_and_gives_a_token_for_the_code(calls: Calls) -> None:
    page = open_page(calls)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    back = callback_query(sign_in(calls, **ALICE))
    assert back.keys() == {"code", "state", "iss"}
    assert (back["state"], back["iss"]) == (QUERY["state"], "http://localhost")

    answer = exchange(calls, back["code"])

    assert answer.status_code == 200
    assert calls.info(answer.json["access_token"]).json["resource_owner_id"] == seed.ALICE.id


def test_a_wrong_password_shows_the_form_again_with_the_email(calls: Calls) -> None:
    answer = sign_in(calls, email='alice@example.com"><b>', password="no-such-password")
    assert answer.status_code == 422
    assert parsed(answer.text).select_one("title").text.strip().startswith("Error: Sign in")
    assert 'value="alice@example.com&#34;&gt;&lt;b&gt;"' in answer.text
    assert "no-such-password" not in answer.text


def test_a_cancelled_sign_in_is_redirected_back(calls: Calls) -> None:
    back = callback_query(sign_in(calls, cancel="yes"))
    assert back == {"error": "access_denied", "state": QUERY["state"], "iss": "http://localhost"}


@each(
    "other",
    [
        {"client_id": "other"},
        {"client_id": ""},
        {"redirect_uri": ""},
        {"redirect_uri": "https://mallory.example/sign-in/code/callback"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?next=x"},
        {"redirect_uri": CALLBACK.replace("127.0.0.1", "127.0.0.1@mallory.example")},
    ],
)
@each("method", ["GET", "POST"])
def test_a_browser_is_not_redirected_to_an_unknown_address(calls: Calls, method: str, other: dict[str, str]) -> None:
    answer = calls.http.open("/oauth/authorize", method=method, query_string=QUERY | other, data=ALICE)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "This sign-in can't go on" in answer.text
    assert "mallory" not in answer.text


@each(
    "other, error",
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "everything"}, "invalid_scope"),
    ],
)
def test_an_invalid_request_is_redirected_with_an_error(calls: Calls, other: dict[str, str], error: str) -> None:
    assert callback_query(open_page(calls, **other))["error"] == error


def test_a_repeated_parameter_is_refused(calls: Calls) -> None:
    answer = calls.http.get("/oauth/authorize", query_string=[*QUERY.items(), ("state", "another")])
    assert callback_query(answer)["error"] == "invalid_request"


@each(
    "other, error",
    [
        ({"code_verifier": "wrong" * 10}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code_verifier": CHALLENGE}, "invalid_grant"),
        ({"redirect_uri": CALLBACK + "/"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"code": "made up"}, "invalid_grant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": seed.TV_CLIENT_ID, "client_secret": ""}, "unauthorized_client"),
    ],
)
def test_a_code_is_bound_to_client_address_and_verifier(calls: Calls, other: dict[str, str], error: str) -> None:
    code = callback_query(sign_in(calls, **ALICE))["code"]
    answer = exchange(calls, code, **other)
    assert answer.status_code in (400, 401)
    assert answer.json["error"] == error


def test_a_wrong_verifier_invalidates_the_code(calls: Calls) -> None:
    code = callback_query(sign_in(calls, **ALICE))["code"]
    exchange(calls, code, code_verifier="wrong" * 10)
    assert exchange(calls, code).json["error"] == "invalid_grant"


def test_a_second_exchange_is_refused_and_revokes_the_token(calls: Calls) -> None:
    code = callback_query(sign_in(calls, **ALICE))["code"]
    token = exchange(calls, code).json["access_token"]

    assert exchange(calls, code).json["error"] == "invalid_grant"

    assert calls.info(token).status_code == 401


def test_a_code_expires_after_sixty_seconds(calls: Calls, clock: Clock) -> None:
    first, second = (callback_query(sign_in(calls, **ALICE))["code"] for _ in range(2))
    clock.advance(seconds=59)
    assert exchange(calls, first).status_code == 200
    clock.advance(seconds=1)
    assert exchange(calls, second).json["error"] == "invalid_grant"


def test_the_form_may_lead_only_to_the_portal(calls: Calls) -> None:
    assert f"form-action 'self' {PORTAL};" in open_page(calls).headers["Content-Security-Policy"]
