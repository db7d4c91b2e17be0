"""Which links lead to the provider, how strong a sign-in there has to be, and what is left of it after signing out."""

from collections.abc import Callable

import pytest
from flask import Flask

from portal.ledger.tables import ledger
from portal.settings.environment import variable
from tests.fixtures import services_of
from tests.harness.internals import outcomes, rows, session_rows
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.staff_auth.oidc.conftest import SignIn
from tests.staff_auth.oidc.provider_browser import (
    AUTHORIZATION_REQUEST,
    ProviderBrowser,
    authorization_url,
    query_of,
)
from tests.staff_auth.oidc.scripted_provider import ScriptedProvider

SIGN_IN = "/support/sign-in"
SIGN_OUT = "/support/sign-out/provider"
WEAK = "Please sign in at your provider in a safer way"


def link(browser: PageClient, path: str = AUTHORIZATION_REQUEST) -> str:
    """Return the address of the link on the sign-in page."""
    return str(browser.get(f"{SIGN_IN}?next=/support/account").select_one(f'a[href^="{path}"]')["href"])


def test_a_link_to_the_provider_works_from_our_own_page_alone(
    client: PageClient, app: Flask, browse: Callable[..., PageClient], provider: ScriptedProvider
) -> None:
    ours, theirs = link(client), link(browse(app))
    cross_site = {"Sec-Fetch-Site": "cross-site"}
    for path, headers in (
        (AUTHORIZATION_REQUEST, {}),
        (f"{AUTHORIZATION_REQUEST}?next=/support/account", cross_site),
        (f"{AUTHORIZATION_REQUEST}?from=%C3%A4&next=/support/account", {}),
        (theirs, {}),
        (ours, cross_site),
    ):
        answer = client.get(path, 303, headers=headers)
        assert (answer.location or "").startswith(f"{SIGN_IN}?next=/support"), path
    assert client.get(f"{AUTHORIZATION_REQUEST}?again=1", 303).location == f"{SIGN_IN}?next=/support&again=1"
    assert provider.requests == []
    assert client.get(ours, 302).location


def test_after_signing_out_the_provider_has_to_ask_who_it_is(client: PageClient, sign_in: SignIn) -> None:
    sign_in(303, browser=client)
    client.submit(client.get("/support/account"), "/support/sign-out", 303)

    page = client.get(SIGN_IN)

    assert page.text("main h2") == "You are signed out here"
    assert query_of(authorization_url(client))["prompt"] == "select_account"
    assert query_of(authorization_url(client, again=True))["prompt"] == "login"
    sign_in(303, browser=client)
    client.submit(client.get("/support/account"), "/support/sign-out/everywhere", 303)
    assert query_of(authorization_url(client))["prompt"] == "select_account"


def test_a_viewer_s_session_in_the_same_browser_does_not_change_that(client: PageClient, sign_in: SignIn) -> None:
    sign_in(303, browser=client)
    client.submit(client.get("/support/account"), "/support/sign-out", 303)
    alice = Alice(client).signs_in()
    assert query_of(authorization_url(client))["prompt"] == "select_account"
    alice.signs_out()
    assert query_of(authorization_url(client))["prompt"] == "select_account"


@pytest.mark.parametrize(
    ("supported", "prompt"),
    [
        (None, "select_account"),
        ([], "select_account"),
        (["login", "select_account"], "select_account"),
        (["none", "login", "consent"], "login"),
    ],
)
def test_a_provider_that_lets_nobody_choose_an_account_has_to_ask_for_the_password(
    client: PageClient, sign_in: SignIn, provider: ScriptedProvider, supported: list[str] | None, prompt: str
) -> None:
    provider.metadata = {"prompt_values_supported": supported}
    sign_in(303, browser=client)
    client.submit(client.get("/support/account"), "/support/sign-out", 303)

    assert query_of(authorization_url(client))["prompt"] == prompt


def test_a_provider_that_does_not_say_so_is_asked_once_more_for_the_password(
    client: PageClient, app: Flask, sign_in: SignIn, provider: ScriptedProvider, provider_browser: ProviderBrowser
) -> None:
    sign_in(303, browser=client)
    client.submit(client.get("/support/account"), "/support/sign-out", 303)
    # As oidc-provider answers select_account.
    provider.callback = {"code": None, "error": "invalid_request"}
    url = authorization_url(client, next_path="/support/account")
    again = client.get(provider_browser.authorize(url), 302).location or ""
    assert query_of(again)["prompt"] == "login"
    # What is wrong with this request is something else.
    assert client.get(provider_browser.authorize(again), 503).heading.startswith(
        "Signing in with a work account is not"
    )
    assert outcomes(app, "sign_in") == ["signed_in", "misconfigured"]
    assert query_of(authorization_url(client))["prompt"] == "login"

    provider.callback = {}
    url = client.get(provider_browser.authorize(authorization_url(client, next_path="/support/account")), 303)
    assert url.location == "/support/account"


def test_the_provider_signs_out_too_where_it_can(
    client: PageClient, sign_in: SignIn, provider: ScriptedProvider, app: Flask
) -> None:
    provider.metadata = {"end_session_endpoint": f"{provider.issuer}/logout?x=1"}
    assert client.get(SIGN_OUT, 303).location == SIGN_IN
    sign_in(303, browser=client)
    client.submit(client.get("/support/account"), "/support/sign-out", 303)
    path = link(client, SIGN_OUT)
    assert client.get(SIGN_OUT, 303).location == SIGN_IN, "not from elsewhere"

    url = client.get(path, 302).location or ""

    assert url.startswith(f"{provider.issuer}/logout?x=1&")
    back = client.settings.console_url + SIGN_IN
    assert query_of(url) == {"x": "1", "client_id": "portal", "post_logout_redirect_uri": back}


def test_a_provider_without_an_end_of_sessions_leads_to_the_sign_in_page(client: PageClient, sign_in: SignIn) -> None:
    sign_in(303, browser=client)
    client.submit(client.get("/support/account"), "/support/sign-out", 303)
    assert client.get(link(client, SIGN_OUT), 303).location == SIGN_IN


STRENGTHS = [
    ({}, {"acr": None}, True),
    ({"acr": "gold,silver"}, {"acr": "silver"}, True),
    ({"acr": "gold,silver"}, {"acr": "bronze"}, False),
    ({"acr": "gold"}, {}, False),
    ({"acr": "gold"}, {"acr": ["gold"]}, False),
    ({"amr": "mfa"}, {"amr": ["pwd", "mfa"]}, True),
    ({"amr": "pwd,otp"}, {"amr": ["pwd"]}, False),
    ({"amr": "mfa"}, {"amr": [{"mfa": 1}, 1]}, False),
    ({"amr": "mfa"}, {}, False),
    ({"acr": "gold", "amr": "mfa"}, {"acr": "gold", "amr": ["mfa"]}, True),
    ({"acr": "gold", "amr": "mfa"}, {"acr": "gold", "amr": []}, False),
]


def test_a_sign_in_has_to_be_as_strong_as_the_settings_say(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    provider: ScriptedProvider,
    provider_browser: ProviderBrowser,
    subtests: pytest.Subtests,
) -> None:
    for settings, claims, is_enough in STRENGTHS:
        with subtests.test(settings=settings, claims=claims):
            app = make_app(**{f"staff_oidc_{name}": value for name, value in settings.items()})
            # What userinfo says of it does not count.
            provider.claims, provider.userinfo = claims, {"acr": "gold", "amr": ["mfa"]}
            browser = browse(app)
            url = authorization_url(browser)
            assert query_of(url).get("acr_values") == (settings["acr"].replace(",", " ") if "acr" in settings else None)
            count = len(outcomes(app, "sign_in"))
            page = browser.get(provider_browser.authorize(url), 303 if is_enough else 403)
            assert outcomes(app, "sign_in")[count:] == ["signed_in" if is_enough else "refused"]
            if not is_enough:
                assert page.heading == WEAK
                assert str(page.select_one("main a.button")["href"]).endswith("&again=1")


def test_an_agent_of_another_issuer_is_another_agent(
    app: Flask, client: PageClient, sign_in: SignIn, provider: ScriptedProvider
) -> None:
    sign_in(303, browser=client)
    with services_of(app).database.write() as connection:
        connection.exec_driver_sql("UPDATE agents SET issuer = 'https://old.example'")
    provider.claims = {"roles": ["nothing"]}
    sign_in(403)
    assert rows(app, ledger)[-1]["actor_id"] == f"oidc:{provider.issuer}#bob"
    provider.claims = {}

    sign_in(303)

    assert sorted(row["principal_id"] for row in session_rows(app)) == ["oidc:bob", f"oidc:{provider.issuer}#bob"]


def test_the_settings_have_these_names() -> None:
    assert [variable(name) for name in ("staff_oidc_acr", "staff_oidc_amr")] == [
        "PORTAL_STAFF_OIDC_ACR",
        "PORTAL_STAFF_OIDC_AMR",
    ]
