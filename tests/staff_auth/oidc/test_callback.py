"""The way to the provider and its callback: what may come back, how often, to which browser, and where it leads."""

from collections.abc import Callable

import pytest
from flask import Flask
from joserfc.jwk import RSAKey

from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt
from portal.ledger.tables import ledger
from tests.fixtures import services_of
from tests.harness.internals import cookie, give_cookie, outcomes, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.staff_auth.oidc.conftest import SignIn
from tests.staff_auth.oidc.provider_browser import (
    AUTHORIZATION_REQUEST,
    CALLBACK,
    ProviderBrowser,
    authorization_url,
    link_to_provider,
    query_of,
)
from tests.staff_auth.oidc.scripted_provider import ScriptedProvider

UNKNOWN = "This sign-in can't be finished"
CANCELLED = "You are not signed in"


def is_signed_in(browser: PageClient) -> bool:
    return browser.get("/support/account", 303 if not cookie(browser, "activate-staff") else 200).location is None


def shows(page: Page, heading: str) -> bool:
    return page.heading == heading and bool(page.select('a[href^="/support/sign-in?next="]'))


@pytest.fixture
def callback_path(client: PageClient, provider_browser: ProviderBrowser) -> str:
    """The callback that a sign-in of ``client`` leads to."""
    return provider_browser.authorize(authorization_url(client))


def test_callbacks_without_a_code_or_a_known_state_sign_nobody_in(
    app: Flask, sign_in: SignIn, provider: ScriptedProvider, key: RSAKey, subtests: pytest.Subtests
) -> None:
    callbacks: list[tuple[dict[str, str | None], int, str, list[str]]] = [
        ({"state": "another"}, 400, UNKNOWN, []),
        ({"state": None}, 400, UNKNOWN, []),
        ({"state": "\0"}, 400, UNKNOWN, []),
        ({"code": None}, 200, CANCELLED, ["refused"]),
        ({"code": ""}, 200, CANCELLED, ["refused"]),
        ({"error": "<script>alert(1)</script>"}, 200, CANCELLED, ["refused"]),
        ({"error": "access_denied"}, 200, CANCELLED, ["refused"]),
        ({"error": "server_error"}, 503, "Your sign-in provider does not answer right now", ["unavailable"]),
        ({"error": "invalid_scope"}, 503, "Signing in with a work account is not set up right", ["misconfigured"]),
    ]
    for callback, status, heading, recorded in callbacks:
        with subtests.test(callback=callback):
            provider.script(key, callback=callback)
            count = len(outcomes(app, "sign_in"))
            page = sign_in(status)
            assert outcomes(app, "sign_in")[count:] == recorded
            assert shows(page, heading)
            assert "alert(1)" not in page.source
            assert bool(page.header("Retry-After", "")) == (status == 503)
            assert session_rows(app) == []


def test_a_callback_without_an_authorization_request_is_unknown(client: PageClient, app: Flask) -> None:
    for path in (CALLBACK, f"{CALLBACK}?code=a&state=b", f"{CALLBACK}?error=access_denied"):
        assert shows(client.get(path, 400), UNKNOWN)
    assert rows(app, ledger) == []


def test_a_reload_of_the_callback_changes_nothing(client: PageClient, app: Flask, callback_path: str) -> None:
    client.get(callback_path, 303)

    assert client.get(callback_path, 303).location == "/support"
    assert client.get(f"{CALLBACK}?error=access_denied&state=another", 303).location == "/support"
    assert client.get(AUTHORIZATION_REQUEST, 303).location == "/support"
    assert is_signed_in(client)
    assert outcomes(app, "sign_in") == ["signed_in"]


def test_a_browser_that_keeps_no_cookies_is_told_so(
    app: Flask, browse: Callable[..., PageClient], callback_path: str
) -> None:
    assert shows(browse(app).get(callback_path, 400), "Your browser sent no cookie of this site")


def test_a_state_is_used_once_and_a_copy_of_the_cookie_makes_no_further_call(
    client: PageClient,
    app: Flask,
    browse: Callable[..., PageClient],
    provider: ScriptedProvider,
    callback_path: str,
) -> None:
    copied = cookie(client, "activate") or ""
    client.get(callback_path, 303)
    thief = browse(app)
    give_cookie(thief, "activate", copied)
    calls = list(provider.requests)

    assert shows(thief.get(callback_path, 400), UNKNOWN)
    assert not is_signed_in(thief)
    assert provider.requests == calls
    assert outcomes(app, "sign_in") == ["signed_in"]


def test_an_address_can_begin_only_so_many_sign_ins(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], provider: ScriptedProvider
) -> None:
    app = make_app(limit_sign_in="1/15minutes")
    for _ in range(10):
        authorization_url(browse(app))
    calls = list(provider.requests)
    another = browse(app)
    page = another.get(link_to_provider(another), 429)

    assert shows(page, "Please wait before you try again")
    assert int(page.header("Retry-After")) > 0
    assert provider.requests == calls


def test_a_code_from_another_browser_signs_nobody_in(
    app: Flask, browse: Callable[..., PageClient], callback_path: str
) -> None:
    victim = browse(app)
    authorization_url(victim)

    assert shows(victim.get(callback_path, 400), UNKNOWN)
    assert not is_signed_in(victim)


def test_two_tabs_can_sign_in_side_by_side(client: PageClient, provider_browser: ProviderBrowser) -> None:
    first, _ = authorization_url(client), authorization_url(client)

    client.get(provider_browser.authorize(first), 303)

    assert is_signed_in(client)


def test_many_authorization_requests_do_not_overflow_the_cookie(
    client: PageClient, provider_browser: ProviderBrowser
) -> None:
    urls = [authorization_url(client) for _ in range(20)]

    assert len(cookie(client, "activate") or "") < 3500
    client.get(provider_browser.authorize(urls[-1]), 303)
    assert is_signed_in(client)


def test_a_path_outside_the_console_is_not_where_a_sign_in_leads(
    app: Flask, browse: Callable[..., PageClient], provider_browser: ProviderBrowser, subtests: pytest.Subtests
) -> None:
    outside = ("//evil.example", "https://evil.example", "/\\evil.example", "/activate", "\0", AUTHORIZATION_REQUEST)
    for path in outside:
        with subtests.test(path=path):
            browser = browse(app)
            page = browser.get(provider_browser.authorize(authorization_url(browser, next_path=path)), 303)
            assert page.location == "/support"


def test_an_agent_who_is_disabled_is_signed_out_at_the_next_page(
    client: PageClient, app: Flask, callback_path: str
) -> None:
    client.get(callback_path, 303)
    client.get("/support/account")

    services_of(app).agents.disable("oidc:bob")

    assert (client.get("/support/account", 303).location or "").startswith("/support/sign-in?")


def test_an_address_with_too_many_failures_has_to_wait(client: PageClient, app: Flask, callback_path: str) -> None:
    actor = Actor(ActorKind.AGENT, "", "127.0.0.1", "0" * 32)
    for _ in range(10 * 10):
        services_of(app).ledger.record(Attempt(Action.SIGN_IN, actor), SignInOutcome.WRONG)

    page = client.get(callback_path, 429)

    assert shows(page, "Please wait before you try again")
    assert "Please try again in 15 minutes." in page.text("main")
    assert session_rows(app) == []
    assert outcomes(app, "sign_in")[-1] == SignInOutcome.TOO_MANY


def test_without_a_provider_both_addresses_lead_to_the_sign_in_page(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(**dict.fromkeys(("staff_oidc_issuer", "staff_oidc_client_id", "staff_oidc_client_secret"), ""))

    assert browse(app).get(AUTHORIZATION_REQUEST, 303).location == "/support/sign-in"
    assert browse(app).get(f"{CALLBACK}?code=a&state=b", 303).location == "/support/sign-in"
    assert not browse(app).get("/support/sign-in").select(f'a[href^="{AUTHORIZATION_REQUEST}"]')
    assert rows(app, ledger) == []


def test_the_sign_in_page_links_to_the_provider(client: PageClient) -> None:
    page = client.get("/support/sign-in?next=/support/account")

    [link] = page.select(f'a[href^="{AUTHORIZATION_REQUEST}"]')
    assert query_of(client.get(str(link["href"]), 302).location or "")["max_age"] == "43200"
    [again] = client.get("/support/sign-in?next=/support/account&again=1").select(f'a[href^="{AUTHORIZATION_REQUEST}"]')
    assert query_of(client.get(str(again["href"]), 302).location or "")["prompt"] == "login"
