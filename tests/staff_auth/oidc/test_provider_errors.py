"""A provider that refuses, breaks its answers, redirects, hangs or is down; and a ledger that can't be written."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from joserfc.jwk import RSAKey

from portal.pages.staff_auth.oidc.provider import MAX_CONCURRENT_SIGN_INS, Provider
from tests.fixtures import services_of
from tests.harness.internals import logged, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.servers import free_port
from tests.harness.timing import wait_until
from tests.staff_auth.oidc.conftest import SignIn
from tests.staff_auth.oidc.provider_browser import (
    ProviderBrowser,
    authorization_url,
    link_to_provider,
    query_of,
)
from tests.staff_auth.oidc.scripted_provider import METADATA, SECRET, ScriptedProvider, response

NOT_USED = ("This sign-in can't be used", 400, "wrong")
NOT_SET_UP = ("Signing in with a work account is not set up right", 503, "misconfigured")
NO_ANSWER = ("Your sign-in provider does not answer right now", 503, "unavailable")
RESPONSES: list[tuple[str, int, Any, tuple[str, int, str]]] = [
    ("/token", 500, None, NO_ANSWER),
    ("/token", 429, None, NO_ANSWER),
    ("/token", 403, None, NOT_SET_UP),
    ("/token", 401, None, NOT_SET_UP),
    ("/token", 400, {"error": "unauthorized_client"}, NOT_SET_UP),
    ("/token", 400, {"error": ["invalid_client"]}, NOT_USED),
    ("/token", 200, {"error": "invalid_grant"}, NOT_USED),
    ("/token", 200, [], NOT_SET_UP),
    ("/token", 200, "text", NOT_SET_UP),
    ("/token", 200, {"access_token": "a"}, NOT_SET_UP),
    ("/token", 200, {"access_token": "a", "id_token": 5}, NOT_USED),
    ("/token", 200, {"access_token": "a", "id_token": "a.b.c"}, NOT_USED),
    ("/keys", 404, None, NOT_SET_UP),
    ("/keys", 503, None, NO_ANSWER),
    ("/keys", 200, {"keys": []}, NOT_SET_UP),
    ("/keys", 200, {"keys": "none"}, NOT_SET_UP),
    ("/keys", 200, {"keys": [{"kty": "RSA"}]}, NOT_SET_UP),
    ("/userinfo", 500, None, NO_ANSWER),
    ("/userinfo", 401, None, NOT_SET_UP),
    ("/userinfo", 200, "bob", NOT_SET_UP),
]
PATHS = (METADATA, "/token", "/keys", "/userinfo")


@contextmanager
def ledger_refuses(app: Flask, condition: str) -> Iterator[None]:
    """Let the database refuse some rows of the ledger while the block runs."""
    database = services_of(app).database
    trigger = f"CREATE TRIGGER no_more BEFORE INSERT ON ledger WHEN {condition} BEGIN SELECT RAISE(ABORT, 'full'); END"
    with database.write() as connection:
        connection.execute(sa.text(trigger))
    yield
    with database.write() as connection:
        connection.execute(sa.text("DROP TRIGGER no_more"))


def failed_page(path: str, client: PageClient, sign_in: SignIn) -> Page:
    """Return the page that a failure at a path of the provider leads to."""
    return client.get(link_to_provider(client), 503) if path == METADATA else sign_in(503)


def test_no_failed_or_broken_answer_signs_anybody_in(
    refused: Callable[..., Page], provider: ScriptedProvider, key: RSAKey, subtests: pytest.Subtests
) -> None:
    for path, status, document, expected in RESPONSES:
        with subtests.test(path=path, status=status, document=document):
            provider.script(key, claims={"roles": None}, responses={path: response(status, document)})
            refused(*expected)


@pytest.mark.parametrize("path", PATHS)
def test_no_redirect_is_followed(
    app: Flask, client: PageClient, sign_in: SignIn, provider: ScriptedProvider, path: str
) -> None:
    provider.claims = {"roles": None}
    provider.responses[path] = response(307, None, Location=f"{provider.issuer}/elsewhere")

    assert failed_page(path, client, sign_in).heading == NOT_SET_UP[0]
    assert provider.request_count("/elsewhere") == 0
    assert session_rows(app) == []


def test_a_provider_that_is_down_is_unavailable(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    browser = browse(make_app(staff_oidc_issuer=f"http://127.0.0.1:{free_port()}"))

    with logged() as events:
        page = browser.get(link_to_provider(browser), 503)

    assert page.heading == NO_ANSWER[0]
    assert page.header("Retry-After") == "5"
    assert [event["log_level"] for event in events if event["event"] == "staff_provider_failed"] == ["warning"]


@pytest.mark.parametrize("path", PATHS)
def test_a_provider_that_hangs_is_unavailable_within_the_time_of_a_sign_in(
    app: Flask, client: PageClient, sign_in: SignIn, provider: ScriptedProvider, path: str
) -> None:
    app.extensions["portal.staff_oidc"] = Provider(services_of(app).settings, seconds=0.5)
    provider.claims = {"roles": None}
    with provider.hanging(path):
        start = time.monotonic()
        page = failed_page(path, client, sign_in)
        assert time.monotonic() - start < 3

    assert page.heading == NO_ANSWER[0]
    assert session_rows(app) == []


def test_a_provider_that_hangs_takes_few_threads(
    app: Flask, browse: Callable[..., PageClient], provider: ScriptedProvider
) -> None:
    threads = [
        Thread(target=browser.get, args=(link_to_provider(browser), 503))
        for browser in (browse(app) for _ in range(MAX_CONCURRENT_SIGN_INS))
    ]
    with provider.hanging(METADATA):
        for thread in threads:
            thread.start()
        wait_until(lambda: provider.request_count(METADATA) >= MAX_CONCURRENT_SIGN_INS, "all sign-ins wait")
        start = time.monotonic()
        another = browse(app)
        assert another.get(link_to_provider(another), 503).heading == NO_ANSWER[0]
        # The threads that wait have ten seconds.
        assert time.monotonic() - start < 5
    for thread in threads:
        thread.join()

    assert provider.request_count(METADATA) == MAX_CONCURRENT_SIGN_INS


def test_nothing_that_was_sent_or_received_is_logged(
    client: PageClient, provider_browser: ProviderBrowser, provider: ScriptedProvider
) -> None:
    provider.claims = {"nonce": "another"}
    with logged() as events:
        path = provider_browser.authorize(authorization_url(client))
        client.get(path, 400)

    written = str(events)
    secrets = [query_of(path)["code"], query_of(path)["state"], "access-of-bob", SECRET]
    secrets += [form["code_verifier"] for requested, form in provider.requests if requested == "/token"]
    assert not [secret for secret in secrets if secret in written]
    assert "ID token: nonce is not right" in written


def test_without_the_ledger_nobody_is_signed_in(
    app: Flask, client: PageClient, provider_browser: ProviderBrowser, provider: ScriptedProvider
) -> None:
    path = provider_browser.authorize(authorization_url(client))
    with ledger_refuses(app, "NEW.outcome IS NULL"):
        client.get(path, 503)
    assert provider.request_count("/token") == 0

    path = provider_browser.authorize(authorization_url(client))
    with ledger_refuses(app, "NEW.outcome IS NOT NULL"):
        client.get(path, 503)

    assert session_rows(app) == []
