"""How the portal proves to the provider who it is: a right secret is accepted, whatever characters it has."""

import base64
from collections.abc import Callable
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest
from flask import Flask, request
from werkzeug.wrappers import Response as AnyResponse

from portal.pages.staff_auth.oidc.provider import Provider
from portal.settings.environment import variable
from portal.settings.loading import load
from tests.harness.page import PageClient
from tests.staff_auth.oidc.conftest import SignIn
from tests.staff_auth.oidc.provider_browser import authorization_url, query_of
from tests.staff_auth.oidc.scripted_provider import ScriptedProvider, response

# What form encoding, Basic, JSON, a shell and a URL each take for something else.
SECRETS = ("a+b%41/:=&?#~\\\"'", "%", "+", ":", "100%+", "8Q~made.up-secret_", "plain")
CLIENT_IDS = ("portal", "https://tv.example.com/console?a=b&c:d+e%20f", ":")
POST, BASIC = "client_secret_post", "client_secret_basic"


def authenticated(method: str) -> tuple[str, str]:
    """Return the id and the secret of a token request, as RFC 6749, section 2.3.1, asks a provider to read them."""
    if method == POST:
        assert "Authorization" not in request.headers
        return request.form["client_id"], request.form["client_secret"]
    assert "client_secret" not in request.form
    scheme, _, credentials = request.headers["Authorization"].partition(" ")
    assert scheme == "Basic"
    encoded = base64.b64decode(credentials, validate=True).decode("ascii").split(":")
    assert len(encoded) == 2
    client_id, secret = map(unquote_plus, encoded)
    return client_id, secret


@pytest.mark.parametrize("method", [BASIC, POST])
def test_a_secret_and_an_id_with_any_characters_arrive(
    provider: ScriptedProvider, environ: dict[str, str], method: str, subtests: pytest.Subtests
) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": [method]}
    seen: list[tuple[str, str]] = []

    def token() -> AnyResponse:
        seen.append(authenticated(method))
        return response(400, {"error": "invalid_grant"})()

    provider.responses["/token"] = token
    for client_id, secret in [*((CLIENT_IDS[0], secret) for secret in SECRETS), *((name, "s") for name in CLIENT_IDS)]:
        with subtests.test(client_id=client_id, secret=secret):
            settings = {variable("staff_oidc_client_id"): client_id, variable("staff_oidc_client_secret"): secret}
            with Provider(load(environ | settings)).client() as client:
                client.check_client()
            assert seen.pop() == (client_id, secret)


def test_an_id_with_any_characters_arrives_with_the_browser_and_signs_in(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sign_in: SignIn, provider: ScriptedProvider
) -> None:
    provider.metadata = {"end_session_endpoint": f"{provider.issuer}/logout"}
    provider.client_id, provider.secret = CLIENT_IDS[1], SECRETS[0]
    browser = browse(make_app(staff_oidc_client_id=provider.client_id, staff_oidc_client_secret=provider.secret))
    provider.claims = {"aud": provider.client_id}
    assert query_of(authorization_url(browser))["client_id"] == provider.client_id
    sign_in(303, browser=browser)
    browser.submit(browser.get("/support/account"), "/support/sign-out", 303)
    path = str(browser.get("/support/sign-in").select_one('a[href^="/support/sign-out/provider"]')["href"])
    location = browser.get(path, 302).location or ""
    assert parse_qs(urlsplit(location).query)["client_id"] == [provider.client_id]
