"""Callbacks and ID tokens that are not for this sign-in, and sign-ins at the provider that are too old."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from joserfc import jwt
from joserfc.jwk import RSAKey

from portal.database.authorizations import authorizations
from portal.domain.actors import Role
from portal.ledger.tables import ledger
from portal.settings.keys import Purpose, encryption
from tests.fixtures import services_of
from tests.harness.internals import logged, outcomes, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.staff_auth.oidc.conftest import SignIn
from tests.staff_auth.oidc.provider_browser import ProviderBrowser, authorization_url, with_query
from tests.staff_auth.oidc.scripted_provider import (
    CLIENT_ID,
    METADATA,
    SECRET,
    ScriptedProvider,
    unsigned,
    with_shared_secret,
)

NOT_USED = "This sign-in can't be used"
OLD = "Please sign in at your provider again"
INVALID_CLAIMS: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"iss": None},
    {"aud": "another-client"},
    {"aud": ["another-client"]},
    {"aud": "another-client", "azp": CLIENT_ID},
    {"aud": [CLIENT_ID, "another-client"]},
    {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
    {"aud": CLIENT_ID, "azp": "another-client"},
    {"aud": []},
    {"aud": None},
    {"exp": 1},
    {"exp": None},
    {"exp": "never"},
    {"iat": 4102444800},
    {"iat": None},
    {"nbf": 4102444800},
    {"nonce": "another"},
    {"nonce": None},
    {"sub": None},
    {"sub": ""},
    {"sub": 5},
    {"sub": "b\0b"},
    {"sub": "b" * 256},
    {"at_hash": "bm90IHRoZSBoYXNo"},
    {"auth_time": "now"},
]


def test_a_valid_id_token_signs_an_agent_in(app: Flask, sign_in: SignIn, provider: ScriptedProvider) -> None:
    assert sign_in(303).location == "/support"

    assert outcomes(app, "sign_in") == ["signed_in"]
    account = services_of(app).agents.find("oidc:bob")
    assert account is not None
    assert account.role is Role.AGENT
    # The ID token contained everything, so userinfo was not requested.
    assert [path for path, _ in provider.requests] == [METADATA, "/authorize", "/token", "/keys"]


def test_claims_that_are_not_for_this_sign_in_are_refused(
    app: Flask, refused: Callable[..., Page], provider: ScriptedProvider, key: RSAKey, subtests: pytest.Subtests
) -> None:
    for claims in INVALID_CLAIMS:
        with subtests.test(claims=claims):
            provider.script(key, claims=claims)
            refused(NOT_USED)
    assert services_of(app).agents.all() == []


def test_an_id_token_for_several_audiences_needs_azp(sign_in: SignIn, provider: ScriptedProvider) -> None:
    provider.claims = {"aud": ["another-client", CLIENT_ID], "azp": CLIENT_ID}

    sign_in(303)


def test_signatures_that_are_not_the_provider_s_are_refused(
    refused: Callable[..., Page],
    provider: ScriptedProvider,
    key: RSAKey,
    another_key: RSAKey,
    subtests: pytest.Subtests,
) -> None:
    def by_another_key(header: dict[str, Any], claims: dict[str, Any]) -> str:
        return jwt.encode(header, claims, another_key)

    none = {"id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]}
    shared = {"id_token_signing_alg_values_supported": ["HS256", "RS256"]}
    embedded = {"kid": another_key.kid, "jwk": another_key.as_dict(private=False)}
    forgeries: dict[str, dict[str, Any]] = {
        "none, which the provider supports": {"metadata": none, "sign": unsigned},
        "the public key as a secret": {"metadata": shared, "sign": with_shared_secret(key.as_pem(private=False))},
        "its binary form": {"metadata": shared, "sign": with_shared_secret(key.as_der(private=False))},
        "the client's secret": {"metadata": shared, "sign": with_shared_secret(SECRET.encode())},
        "another key": {"sign": by_another_key},
        "another key, in the token itself": {"header": embedded, "sign": by_another_key},
    }
    for name, forgery in forgeries.items():
        with subtests.test(name):
            provider.script(key, **forgery)
            refused(NOT_USED)


def test_a_new_key_is_accepted_at_once_and_an_old_one_no_longer(
    app: Flask, sign_in: SignIn, provider: ScriptedProvider, key: RSAKey, another_key: RSAKey
) -> None:
    sign_in(303)

    provider.script(another_key)
    sign_in(303)
    provider.key = key
    assert sign_in(400).heading == NOT_USED

    assert outcomes(app, "sign_in") == ["signed_in", "signed_in", "wrong"]


def test_a_provider_without_auth_time_is_misconfigured(
    refused: Callable[..., Page], provider: ScriptedProvider, subtests: pytest.Subtests
) -> None:
    for auth_time in (None, True, "", 1e300, float("nan"), []):
        with subtests.test(auth_time=auth_time):
            provider.claims = {"auth_time": auth_time}
            with logged() as events:
                page = refused("Your sign-in provider leaves something out", 503, "misconfigured")
            assert "auth_time" in page.text()
            levels = [event["log_level"] for event in events if event["event"] == "staff_provider_misconfigured"]
            assert levels == ["error"]


@pytest.mark.parametrize("seconds", [43200 + 50, -50])
def test_a_sign_in_at_the_provider_counts_from_its_own_time(
    app: Flask, sign_in: SignIn, provider: ScriptedProvider, seconds: int
) -> None:
    provider.claims = {"auth_time": time.time() - seconds}

    sign_in(303)

    [session] = session_rows(app)
    age = (datetime.now(UTC) - session["authenticated_at"]).total_seconds()
    assert max(seconds, 0) <= age + 1 < max(seconds, 0) + 10


def test_a_sign_in_at_the_provider_is_no_older_than_a_session_may_be(
    app: Flask, refused: Callable[..., Page], provider: ScriptedProvider, subtests: pytest.Subtests
) -> None:
    for seconds in (43200 + 70, 1.7e9, -70):
        with subtests.test(seconds=seconds):
            provider.claims = {"auth_time": time.time() - seconds}
            page = refused(OLD, 403)
            # Whatever the provider makes of max_age, it is asked for the password next.
            assert page.select('a[href="/support/sign-in?next=/support&again=1"]')
            assert rows(app, ledger)[-1]["actor_id"] == "oidc:bob"


@pytest.mark.parametrize(("seconds", "status"), [(0, 303), (50, 303), (70, 403), (None, 503)])
def test_to_sign_in_again_auth_time_has_to_be_later_than_the_request(
    sign_in: SignIn, provider: ScriptedProvider, seconds: int | None, status: int
) -> None:
    provider.claims = {"auth_time": seconds if seconds is None else time.time() - seconds}

    page = sign_in(status, again=True)

    if status != 303:
        # The next attempt has to authenticate again too.
        assert page.select('a[href="/support/sign-in?next=/support&again=1"]')


def test_an_authorization_request_is_valid_for_an_hour(
    app: Flask, client: PageClient, provider_browser: ProviderBrowser
) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=61), tick=True):
        path = provider_browser.authorize(authorization_url(client))

    assert client.get(path, 400).heading == "This sign-in can't be finished"
    assert rows(app, ledger) == []


def test_an_authorization_request_of_another_version_is_unknown(
    app: Flask, client: PageClient, provider_browser: ProviderBrowser
) -> None:
    path = provider_browser.authorize(authorization_url(client))
    fernet = encryption(client.settings, Purpose.AUTHORIZATION_CONTENT)
    content = json.loads(fernet.decrypt(rows(app, authorizations)[0]["content"]))
    del content["next_path"]
    changed = authorizations.update().values(content=fernet.encrypt(json.dumps(content).encode()).decode())
    services_of(app).database.change(changed)

    assert client.get(path, 400).heading == "This sign-in can't be finished"


@pytest.mark.parametrize("code", ["another", "\0", "a" * 5000])
def test_a_code_that_the_provider_did_not_issue_is_refused(
    app: Flask, client: PageClient, provider_browser: ProviderBrowser, code: str
) -> None:
    path = with_query(provider_browser.authorize(authorization_url(client)), code=code)

    assert client.get(path, 400).heading == NOT_USED
    assert session_rows(app) == []
    assert outcomes(app, "sign_in") == ["wrong"]


def test_a_provider_that_promises_iss_has_to_send_its_own(
    refused: Callable[..., Page], provider: ScriptedProvider, subtests: pytest.Subtests
) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    for iss in (None, "", "https://evil.example"):
        with subtests.test(iss=iss):
            provider.callback = {"iss": iss}
            refused(NOT_USED)
    # The code of another issuer is not sent to this one.
    assert provider.request_count("/token") == 0


def test_a_provider_that_does_not_promise_iss_may_send_only_its_own(
    sign_in: SignIn, refused: Callable[..., Page], provider: ScriptedProvider
) -> None:
    provider.callback = {"iss": "https://evil.example"}
    refused(NOT_USED)

    provider.callback = {"iss": provider.issuer}
    sign_in(303)
