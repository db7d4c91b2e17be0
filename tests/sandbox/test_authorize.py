"""The authorization code flow: the sign-in page, what a code is bound to, and where a browser may be sent."""

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from werkzeug.test import TestResponse

from portal.sandbox import seed
from tests.sandbox.conftest import CLIENT_ID, PORTAL, Calls, Clock

CALLBACK = f"{PORTAL}/sign-in/code/callback"
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": CALLBACK,
    "scope": "consumer_profile.read",
    "state": "some state & more",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
ALICE = {"email": "alice@example.com", "password": "alice-password"}


def asks(calls: Calls, **other: str) -> TestResponse:
    """Open the sign-in page."""
    return calls.http.get("/oauth/authorize", query_string=ASKED | other)


def signs_in(calls: Calls, **form: str) -> TestResponse:
    """Send the sign-in page's form."""
    return calls.http.post("/oauth/authorize", query_string=ASKED, data=form)


def sent_back(answer: TestResponse) -> dict[str, str]:
    """Return what a browser carries back to the portal."""
    assert answer.status_code == 303
    parts = urlsplit(answer.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == CALLBACK
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def exchanges(calls: Calls, issued: str, **other: str) -> TestResponse:
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
    page = asks(calls)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    back = sent_back(signs_in(calls, **ALICE))
    assert back.keys() == {"code", "state", "iss"}
    assert (back["state"], back["iss"]) == (ASKED["state"], "http://localhost")

    answer = exchanges(calls, back["code"])

    assert answer.status_code == 200
    assert calls.info(answer.json["access_token"]).json["resource_owner_id"] == seed.ALICE.id


def test_it_shows_the_form_again_with_the_email_for_a_wrong_password(calls: Calls) -> None:
    answer = signs_in(calls, email='alice@example.com"><b>', password="no-such-password")
    assert answer.status_code == 422
    assert BeautifulSoup(answer.text, "html.parser").title.text.strip().startswith("Error: Sign in")
    assert 'value="alice@example.com&#34;&gt;&lt;b&gt;"' in answer.text
    assert "no-such-password" not in answer.text


def test_it_sends_a_cancelled_sign_in_back(calls: Calls) -> None:
    back = sent_back(signs_in(calls, cancel="yes"))
    assert back == {"error": "access_denied", "state": ASKED["state"], "iss": "http://localhost"}


@pytest.mark.parametrize(
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
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_sends_a_browser_nowhere_it_does_not_know(calls: Calls, method: str, other: dict[str, str]) -> None:
    answer = calls.http.open("/oauth/authorize", method=method, query_string=ASKED | other, data=ALICE)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "This sign-in can't go on" in answer.text
    assert "mallory" not in answer.text


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "everything"}, "invalid_scope"),
    ],
)
def test_it_sends_a_faulty_request_back_by_code(calls: Calls, other: dict[str, str], error: str) -> None:
    assert sent_back(asks(calls, **other))["error"] == error


def test_it_refuses_a_parameter_that_comes_twice(calls: Calls) -> None:
    answer = calls.http.get("/oauth/authorize", query_string=[*ASKED.items(), ("state", "another")])
    assert sent_back(answer)["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("other", "error"),
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
def test_it_binds_a_code_to_all_that_was_said(calls: Calls, other: dict[str, str], error: str) -> None:
    code = sent_back(signs_in(calls, **ALICE))["code"]
    answer = exchanges(calls, code, **other)
    assert answer.status_code in (400, 401)
    assert answer.json["error"] == error


def test_it_uses_a_code_up_at_a_wrong_verifier(calls: Calls) -> None:
    code = sent_back(signs_in(calls, **ALICE))["code"]
    exchanges(calls, code, code_verifier="wrong" * 10)
    assert exchanges(calls, code).json["error"] == "invalid_grant"


def test_it_takes_a_code_once_and_revokes_its_token_at_a_replay(calls: Calls) -> None:
    code = sent_back(signs_in(calls, **ALICE))["code"]
    token = exchanges(calls, code).json["access_token"]

    assert exchanges(calls, code).json["error"] == "invalid_grant"

    assert calls.info(token).status_code == 401


def test_it_ends_a_code_after_sixty_seconds(calls: Calls, clock: Clock) -> None:
    first, second = (sent_back(signs_in(calls, **ALICE))["code"] for _ in range(2))
    clock.goes_on(seconds=59)
    assert exchanges(calls, first).status_code == 200
    clock.goes_on(seconds=1)
    assert exchanges(calls, second).json["error"] == "invalid_grant"


def test_it_lets_its_form_lead_to_the_portal_and_nowhere_else(calls: Calls) -> None:
    assert f"form-action 'self' {PORTAL};" in asks(calls).headers["Content-Security-Policy"]
