"""Staff sign in with a real identity provider, Canaille by pytest-iam: the whole journey there and back."""

import importlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask

from portal.commands.check import findings
from portal.domain.actors import Role
from portal.ledger.tables import ledger
from portal.settings.environment import variable
from portal.settings.loading import load
from tests.fixtures import services_of
from tests.harness.internals import cookie, logged, outcomes, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.staff_auth.oidc.provider_browser import (
    CALLBACK,
    ProviderBrowser,
    authorization_url,
    query_of,
    with_query,
)

if TYPE_CHECKING:
    from pytest_iam import Server

CLIENT_ID = "portal"
SECRET = "made-up-staff-secret"
PASSWORD = "made-up-password-of-bob"

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:canaille"),
    # One worker imports Canaille and starts it.
    pytest.mark.xdist_group("canaille"),
]


@pytest.fixture(scope="session")
def canaille(request: pytest.FixtureRequest) -> "Server":
    """A running provider."""
    request.config.pluginmanager.register(importlib.import_module("pytest_iam"), "canaille")
    server: Server = request.getfixturevalue("iam_server")
    return server


@pytest.fixture
def environ(environ: dict[str, str], canaille: "Server") -> dict[str, str]:
    """The portal of this test knows the provider, whose groups are roles."""
    provider = {
        "issuer": canaille.url.rstrip("/"),
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "role_claim": "groups",
        "agent_role": "support",
        "supervisor_role": "support-leads",
    }
    return environ | {variable(f"staff_oidc_{name}"): value for name, value in provider.items()}


@pytest.fixture
def client_registration(canaille: "Server", environ: dict[str, str]) -> Iterator[Any]:
    """The portal's client registration at the provider."""
    origin = environ["PORTAL_PUBLIC_URL"]
    client = canaille.models.Client(
        client_id=CLIENT_ID,
        client_secret=SECRET,
        client_name="Portal",
        client_uri="https://tv.example.com",
        redirect_uris=[origin + CALLBACK],
        grant_types=["authorization_code"],
        response_types=["code"],
        token_endpoint_auth_method="client_secret_basic",
        scope=["openid", "profile", "email", "groups"],
    )
    canaille.backend.save(client)
    # The audience can refer to the client only once it is saved.
    client.audience = [client]
    canaille.backend.save(client)
    yield client
    canaille.backend.delete(client)


@pytest.fixture
def add_user(canaille: "Server", client_registration: Any) -> Iterator[Callable[..., str]]:
    """Return a function that adds a user who is signed in at the provider: ``add_user("support")`` returns the sub."""
    added: list[Any] = []

    def add(*groups: str) -> str:
        name = f"bob-{uuid4().hex}"
        user = canaille.random_user(
            user_name=name, formatted_name="Bob", emails=[f"{name}@example.com"], password=PASSWORD
        )
        in_groups = [canaille.random_group(display_name=group, members=[user]) for group in groups]
        added.extend([*in_groups, user])
        canaille.login(user)
        canaille.consent(user, client_registration)
        return name

    yield add
    canaille.logout()
    for item in added:
        canaille.backend.delete(item)


def shows(page: Page, heading: str) -> bool:
    return page.heading == heading and bool(page.select('a[href^="/support/sign-in?next="]'))


def test_an_agent_signs_in(
    client: PageClient, app: Flask, add_user: Callable[..., str], provider_browser: ProviderBrowser
) -> None:
    agent_id = f"oidc:{add_user('support')}"
    url = authorization_url(client, next_path="/support/account")
    query = query_of(url)
    assert query["redirect_uri"] == client.settings.public_url + CALLBACK
    assert query["code_challenge_method"] == "S256"
    assert query["max_age"] == "43200"
    assert len(query["code_challenge"]) == 43
    assert query["nonce"] != query["state"]
    assert "prompt" not in query

    response = client.get(provider_browser.authorize(url), 303)

    assert response.location == "/support/account"
    assert client.follow(response).text(".staff-name") == "Bob Agent"
    account = services_of(app).agents.find(agent_id)
    assert account is not None
    assert (account.role, account.email) == (Role.AGENT, f"{agent_id.removeprefix('oidc:')}@example.com")
    assert [(row["outcome"], row["actor_kind"], row["actor_id"]) for row in rows(app, ledger)] == [
        (None, "agent", ""),
        ("signed_in", "agent", agent_id),
    ]
    [session] = session_rows(app)
    assert abs(session["authenticated_at"] - datetime.now(UTC)) < timedelta(seconds=30)


def test_an_agent_signs_in_on_postgresql_too(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    postgresql_url: str,
    add_user: Callable[..., str],
    provider_browser: ProviderBrowser,
) -> None:
    app = make_app(database_url=postgresql_url)
    browser = browse(app)
    add_user("support")

    browser.get(provider_browser.authorize(authorization_url(browser)), 303)

    browser.get("/support/account")
    assert outcomes(app, "sign_in") == ["signed_in"]


@pytest.mark.parametrize("groups", [("support-leads",), ("support", "support-leads"), ("support-leads", "support")])
def test_a_member_of_the_leads_is_a_supervisor(
    client: PageClient,
    app: Flask,
    add_user: Callable[..., str],
    provider_browser: ProviderBrowser,
    groups: tuple[str, ...],
) -> None:
    agent_id = f"oidc:{add_user(*groups)}"

    client.get(provider_browser.authorize(authorization_url(client)), 303)

    account = services_of(app).agents.find(agent_id)
    assert account is not None
    assert account.role is Role.SUPERVISOR


def test_a_user_without_a_role_is_told_whom_to_ask(
    app: Flask, browse: Callable[..., PageClient], add_user: Callable[..., str], provider_browser: ProviderBrowser
) -> None:
    for groups in ((), ("Support",), ("support-team",), ("other", "people")):
        agent_id, browser = f"oidc:{add_user(*groups)}", browse(app)

        page = browser.get(provider_browser.authorize(authorization_url(browser)), 403)

        assert shows(page, "Your account may not use customer support here")
        assert "Ask whoever manages accounts to give it the role" in page.text()
        assert session_rows(app) == []
        assert services_of(app).agents.find(agent_id) is None
        assert [(row["outcome"], row["actor_id"]) for row in rows(app, ledger)][-2:] == [
            (None, ""),
            ("refused", agent_id),
        ]
        # The provider still knows them, and has to ask for another account.
        with pytest.raises(AssertionError, match="The provider shows a page"):
            provider_browser.authorize(authorization_url(browser))


@pytest.mark.parametrize("parameter", [{"code_challenge": "A" * 43}, {"nonce": "another"}], ids=str)
def test_a_changed_authorization_request_signs_nobody_in(
    client: PageClient,
    app: Flask,
    add_user: Callable[..., str],
    provider_browser: ProviderBrowser,
    parameter: dict[str, str],
) -> None:
    add_user("support")

    page = client.get(provider_browser.authorize(with_query(authorization_url(client), **parameter)), 400)

    assert shows(page, "This sign-in can't be used")
    assert session_rows(app) == []
    assert outcomes(app, "sign_in") == ["wrong"]


def test_no_token_is_stored(
    client: PageClient, app: Flask, canaille: "Server", add_user: Callable[..., str], provider_browser: ProviderBrowser
) -> None:
    add_user("support")
    with logged() as events:
        client.get(provider_browser.authorize(authorization_url(client)), 303)

    issued = [token.access_token for token in canaille.backend.query(canaille.models.Token)]
    assert issued
    cookies = [cookie(client, name) or "" for name in ("activate", "activate-staff")]
    stored = str([session_rows(app), rows(app, ledger), services_of(app).agents.all(), events, cookies])
    assert not [token for token in issued if token in stored]
    assert len(cookies[0]) < 300


def test_an_agent_who_refuses_consent_is_not_signed_in(
    client: PageClient, app: Flask, canaille: "Server", client_registration: Any, provider_browser: ProviderBrowser
) -> None:
    canaille.login(canaille.random_user())
    try:
        page = client.get(provider_browser.deny(authorization_url(client)))
    finally:
        canaille.logout()

    assert shows(page, "You are not signed in")
    assert session_rows(app) == []
    assert outcomes(app, "sign_in") == ["refused"]


def test_a_disabled_agent_is_not_signed_in(
    client: PageClient, app: Flask, add_user: Callable[..., str], provider_browser: ProviderBrowser
) -> None:
    agent_id = f"oidc:{add_user('support')}"
    services_of(app).agents.disable(agent_id)

    page = client.get(provider_browser.authorize(authorization_url(client)), 403)

    assert shows(page, "Your account is disabled here")
    assert session_rows(app) == []
    signed_in = [row for row in rows(app, ledger) if row["action"] == "sign_in"]
    assert [(row["outcome"], row["actor_id"]) for row in signed_in] == [(None, ""), ("refused", agent_id)]


def test_a_changed_role_applies_from_the_next_sign_in(
    client: PageClient,
    app: Flask,
    browse: Callable[..., PageClient],
    canaille: "Server",
    add_user: Callable[..., str],
    provider_browser: ProviderBrowser,
) -> None:
    name = add_user("support-leads")
    client.get(provider_browser.authorize(authorization_url(client)), 303)
    [group] = canaille.backend.query(canaille.models.Group, display_name="support-leads")
    canaille.backend.update(group, display_name="support")
    canaille.backend.save(group)
    elsewhere = browse(app)

    elsewhere.get(provider_browser.authorize(authorization_url(elsewhere)), 303)

    account = services_of(app).agents.find(f"oidc:{name}")
    assert account is not None
    assert account.role is Role.AGENT


def test_the_provider_asks_for_the_password_again_if_the_portal_wants_it(
    client: PageClient,
    app: Flask,
    browse: Callable[..., PageClient],
    canaille: "Server",
    add_user: Callable[..., str],
    provider_browser: ProviderBrowser,
) -> None:
    name = add_user("support")
    canaille.logout()
    client.get(provider_browser.sign_in(authorization_url(client), name, PASSWORD), 303)
    # Without prompt=login the provider does not ask again.
    elsewhere, again = browse(app), browse(app)
    elsewhere.get(provider_browser.authorize(authorization_url(elsewhere)), 303)
    url = authorization_url(again, again=True, next_path="/support/account")
    assert query_of(url)["prompt"] == "login"
    assert query_of(url)["max_age"] == "300"
    with pytest.raises(AssertionError, match="The provider shows a page"):
        provider_browser.authorize(url)

    response = again.get(provider_browser.sign_in(url, name, PASSWORD), 303)

    assert response.location == "/support/account"
    assert all(datetime.now(UTC) - row["authenticated_at"] < timedelta(seconds=30) for row in session_rows(app))


def test_after_signing_out_the_provider_asks_again_and_signs_out_too(
    client: PageClient, canaille: "Server", add_user: Callable[..., str], provider_browser: ProviderBrowser
) -> None:
    name = add_user("support")
    canaille.logout()
    client.get(provider_browser.sign_in(authorization_url(client), name, PASSWORD), 303)
    client.submit(client.get("/support/account"), "/support/sign-out", 303)
    with pytest.raises(AssertionError, match="The provider shows a page"):
        provider_browser.authorize(authorization_url(client))

    path = str(client.get("/support/sign-in").select_one('a[href^="/support/sign-out/provider"]')["href"])
    url = client.get(path, 302).location or ""

    assert provider_browser.opens(url) == 200
    assert query_of(url)["post_logout_redirect_uri"] == f"{client.settings.public_url}/support/sign-in"


def test_a_wrong_client_secret_is_an_error_for_the_operator(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    add_user: Callable[..., str],
    provider_browser: ProviderBrowser,
) -> None:
    app = make_app(staff_oidc_client_secret="another-secret")
    browser = browse(app)
    add_user("support")
    path = provider_browser.authorize(authorization_url(browser))

    with logged() as events:
        page = browser.get(path, 503)

    assert shows(page, "Signing in with a work account is not set up right")
    assert outcomes(app, "sign_in") == ["misconfigured"]
    [event] = [event for event in events if event["event"] == "staff_provider_misconfigured"]
    assert event["log_level"] == "error"
    assert event["error"] == "token: status 401, invalid_client"


def test_check_tries_the_provider(environ: dict[str, str], client_registration: Any) -> None:
    def found(**settings: str) -> list[str]:
        given = environ | {variable(name): value for name, value in settings.items()}
        return [str(finding) for finding in findings(load(given)) if "staff" in finding.text]

    [good] = found()
    assert good.startswith("ok    staff's identity provider: ")
    assert "/support/sign-in/callback" in good
    [secret] = found(staff_oidc_client_secret="another-secret")
    assert secret == "FAIL  staff's identity provider: token: status 401, invalid_client"
    [slash] = found(staff_oidc_issuer=environ["PORTAL_STAFF_OIDC_ISSUER"] + "/")
    assert slash.startswith("FAIL  staff's identity provider: metadata: issuer is not PORTAL_STAFF_OIDC_ISSUER")
