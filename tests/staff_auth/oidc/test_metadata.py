"""The provider's metadata: which are refused, how long they are cached, and what the portal takes from them."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from joserfc.jwk import RSAKey

from portal.pages.staff_auth.oidc.provider import METADATA_SECONDS, Provider
from tests.fixtures import services_of
from tests.harness.internals import logged
from tests.harness.page import PageClient
from tests.staff_auth.oidc.conftest import SignIn
from tests.staff_auth.oidc.provider_browser import authorization_url, link_to_provider, query_of
from tests.staff_auth.oidc.scripted_provider import METADATA, SECRET, ScriptedProvider, response

NOT_SET_UP = "Signing in with a work account is not set up right"
INVALID_METADATA: list[dict[str, Any]] = [
    {"issuer": "https://evil.example"},
    {"issuer": None},
    {"issuer": ["a"]},
    {"authorization_endpoint": None},
    {"authorization_endpoint": "http://idp.example/authorize"},
    {"authorization_endpoint": "javascript:alert(1)"},
    {"authorization_endpoint": "https:///authorize"},
    {"authorization_endpoint": "https://[/authorize"},
    {"token_endpoint": "http://idp.example/token"},
    {"token_endpoint": "http://192.0.2.7/token"},
    {"token_endpoint": "https://name:password@idp.example/token"},
    {"token_endpoint": 5},
    {"jwks_uri": "http://idp.example/keys"},
    {"jwks_uri": "file:///etc/passwd"},
    {"jwks_uri": None},
    {"userinfo_endpoint": "http://idp.example/userinfo"},
    {"id_token_signing_alg_values_supported": ["none", "HS256"]},
    {"id_token_signing_alg_values_supported": "RS256"},
    {"scopes_supported": 5},
]


def test_invalid_metadata_are_refused_until_they_are_corrected(
    client: PageClient, sign_in: SignIn, provider: ScriptedProvider, subtests: pytest.Subtests
) -> None:
    for metadata in INVALID_METADATA:
        with subtests.test(metadata=metadata):
            provider.metadata = metadata
            with logged() as events:
                page = client.get(link_to_provider(client), 503)
            assert page.heading == NOT_SET_UP
            [event] = [event for event in events if event["event"] == "staff_provider_misconfigured"]
            assert event["error"].startswith(f"metadata: {next(iter(metadata))} ")

    provider.metadata = {}
    sign_in(303)


def test_documents_without_metadata_are_refused(
    client: PageClient, provider: ScriptedProvider, key: RSAKey, subtests: pytest.Subtests
) -> None:
    for document in ([], "text", None, 5, {}):
        with subtests.test(document=document):
            provider.script(key, responses={METADATA: response(200, document)})
            assert client.get(link_to_provider(client), 503).heading == NOT_SET_UP


def test_metadata_can_not_change_the_portal_s_own_options(sign_in: SignIn, provider: ScriptedProvider) -> None:
    provider.metadata = {
        "verify": False,
        "proxies": {"http": "http://127.0.0.1:9"},
        "scope": "all",
        "jwks": {"keys": []},
    }

    sign_in(303)


def test_metadata_are_cached_for_a_while(app: Flask, client: PageClient, provider: ScriptedProvider) -> None:
    now = [0.0]
    app.extensions["portal.staff_oidc"] = Provider(services_of(app).settings, clock=lambda: now[0])

    for now[0] in (0.0, 1.0, METADATA_SECONDS - 1):
        authorization_url(client)
    assert provider.request_count(METADATA) == 1

    now[0] = METADATA_SECONDS + 1
    authorization_url(client)
    assert provider.request_count(METADATA) == 2


def test_plain_http_is_for_a_provider_on_the_same_machine(make_app: Callable[..., Flask]) -> None:
    with pytest.raises(Exception, match="PORTAL_STAFF_OIDC_ISSUER: must start with https://"):
        make_app(staff_oidc_issuer="http://idp.example")


@pytest.mark.parametrize(
    ("supported", "claim", "scope"),
    [
        (None, "groups", "openid profile email"),
        (["openid", "groups"], "groups", "openid profile email groups"),
        (["openid", "groups"], "roles", "openid profile email"),
        (["openid", "realm_access"], "realm_access.roles", "openid profile email realm_access"),
    ],
)
def test_a_scope_with_the_name_of_the_role_claim_is_requested_if_it_is_supported(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    provider: ScriptedProvider,
    supported: list[str] | None,
    claim: str,
    scope: str,
) -> None:
    provider.metadata = {"scopes_supported": supported}

    assert query_of(authorization_url(browse(make_app(staff_oidc_role_claim=claim))))["scope"] == scope


def test_the_secret_is_sent_in_the_form_if_only_that_is_supported(sign_in: SignIn, provider: ScriptedProvider) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    sign_in(303)

    assert next(form for path, form in provider.requests if path == "/token")["client_secret"] == SECRET
