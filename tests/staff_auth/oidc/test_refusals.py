"""Whoever the provider authenticated and the portal refuses: the log says why and who, and there is a way on."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal.pages.staff_auth.oidc.claims import Claims
from portal.pages.web.redaction import Redactor
from portal.sandbox import seed
from portal.settings.loading import load
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.internals import logged, session_rows
from tests.harness.page import Page, PageClient
from tests.staff_auth.oidc.conftest import SignIn
from tests.staff_auth.oidc.provider_browser import ProviderBrowser, authorization_url, query_of
from tests.staff_auth.oidc.scripted_provider import LEAD, ROLE, ScriptedProvider

NO_ROLE = "Your account may not use customer support here"
SIGN_OUT = "/support/sign-out/provider"
OVERAGE = {
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": "https://graph.example/users/b0b/getMemberObjects"}},
}
NOWHERE = "role: neither the ID token nor userinfo has the claim groups"
TOO_MANY = (
    "role: there are too many groups for the ID token: the provider sends a reference in place of them (overage). "
    "Let it send roles, or the groups of this application alone"
)
NEITHER = "role: the claim groups has neither of the two roles"
SPELLING = "role: the claim groups has a role in another spelling: check capitals, slashes and spaces"
SHAPE = "role: the claim groups is neither a text nor a list of texts"


@each(
    "id_token, userinfo, reason",
    [
        ({}, {}, NOWHERE),
        ({"groups": None}, {}, NOWHERE),
        ({"groups": []}, {}, NEITHER),
        ({"groups": "other"}, {}, NEITHER),
        ({}, {"groups": ["0b8d8e4e-0000-4000-8000-000000000000"]}, NEITHER),
        ({"groups": [f"/{ROLE}"]}, {}, SPELLING),
        ({"groups": [ROLE.upper()]}, {}, SPELLING),
        ({"groups": [f"ROLE_{ROLE}"]}, {}, NEITHER),
        ({"groups": f" {LEAD}"}, {}, SPELLING),
        ({"groups": {ROLE: True}}, {}, SHAPE),
        ({"groups": [{"name": ROLE}]}, {}, SHAPE),
        ({"groups": True}, {}, SHAPE),
        (OVERAGE, {}, TOO_MANY),
        ({}, OVERAGE, TOO_MANY),
        ({"hasgroups": True}, {}, TOO_MANY),
        ({"hasgroups": "true"}, {}, TOO_MANY),
        ({"_claim_names": {"other": "src1"}}, {}, NOWHERE),
        ({"_claim_names": "groups"}, {}, NOWHERE),
    ],
)
def test_a_missing_role_has_a_reason(id_token: dict[str, Any], userinfo: dict[str, Any], reason: str) -> None:
    settings = load(
        {
            "PORTAL_STAFF_OIDC_ROLE_CLAIM": "groups",
            "PORTAL_STAFF_OIDC_AGENT_ROLE": ROLE,
            "PORTAL_STAFF_OIDC_SUPERVISOR_ROLE": LEAD,
        }
    )
    claims = Claims(id_token, userinfo)

    assert claims.role(settings) is None
    assert claims.missing_role(settings) == reason


def refusal(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one line about a refused sign-in, as it is written."""
    [event] = [event for event in events if event["event"] == "staff_sign_in_refused"]
    return Redactor().event(event)


REFUSALS = [
    ({"roles": None}, "role: neither the ID token nor userinfo has the claim roles"),
    ({"roles": None, "_claim_names": {"roles": "src1"}}, "(overage)"),
    ({"amr": ["pwd"]}, "amr: the ID token does not have all of PORTAL_STAFF_OIDC_AMR"),
    ({"acr": "bronze"}, "acr: the ID token has none of PORTAL_STAFF_OIDC_ACR"),
    ({"auth_time": 1.7e9}, "auth_time: the authentication is too old"),
    ({"auth_time": 4e9}, "auth_time: it is in the future"),
]


def test_a_403_is_logged_with_the_rule_the_reason_and_the_agent(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    sign_in: SignIn,
    provider: ScriptedProvider,
    subtests: pytest.Subtests,
) -> None:
    app = make_app(staff_oidc_amr="mfa", staff_oidc_acr="gold")
    for claims, reason in REFUSALS:
        with subtests.test(reason):
            provider.claims = {"email": "bob@example.com", "amr": ["mfa"], "acr": "gold", **claims}
            with logged() as events:
                sign_in(403, browser=browse(app))
            line = refusal(events)
            assert reason in line["error"]
            assert (line["actor_kind"], line["actor_id"]) == ("agent", "oidc:bob")
            assert line["rule"] == "/support/sign-in/callback"
            assert line["log_level"] == "warning"
            assert "example.com" not in str(events)


def test_a_disabled_agent_is_logged(app: Flask, sign_in: SignIn) -> None:
    sign_in(303)
    services_of(app).agents.disable("oidc:bob")
    with logged() as events:
        sign_in(403)

    assert refusal(events)["error"] == "account: it is disabled here"


def test_what_the_provider_says_in_place_of_a_code_is_logged(
    sign_in: SignIn, provider: ScriptedProvider, subtests: pytest.Subtests
) -> None:
    for error, said in (("access_denied", "access_denied"), ("login_required", "login_required"), ("zizm529", "error")):
        with subtests.test(error):
            provider.callback = {"code": None, "error": error, "error_description": "zizm529"}
            with logged() as events:
                sign_in(200)
            assert refusal(events)["error"] == f"authorization: it says {said}"
            assert "zizm529" not in str(events)


def sign_out_link(page: Page) -> str:
    """Return the address of the link that signs out at the provider."""
    return str(page.select_one(f'a[href^="{SIGN_OUT}"]')["href"])


def test_whoever_may_not_come_in_can_use_another_account(
    app: Flask,
    browse: Callable[..., PageClient],
    sign_in: SignIn,
    provider: ScriptedProvider,
    subtests: pytest.Subtests,
) -> None:
    provider.metadata = {"end_session_endpoint": f"{provider.issuer}/logout"}
    services_of(app).agents.disable("oidc:mallory")
    for claims in ({"roles": []}, {"sub": "mallory"}):
        with subtests.test(claims=claims):
            browser = browse(app)
            assert "prompt" not in query_of(authorization_url(browser))
            provider.claims = claims
            page = sign_in(403, browser=browser)
            # Otherwise a provider that asks nothing would lead back to the same page.
            assert query_of(authorization_url(browser))["prompt"] == "select_account"
            for shown in (page, browser.get("/support/sign-in")):
                url = browser.get(sign_out_link(shown), 302).location or ""
                assert url.startswith(f"{provider.issuer}/logout?")
            provider.claims = {}
            sign_in(303, browser=browser)
            browser.submit(browser.get("/support/account"), "/support/sign-out", 303)
            assert browser.get("/support/sign-in").text("main h2") == "You are signed out here"


def test_a_problem_that_another_account_does_not_solve_has_no_link_to_sign_out(
    sign_in: SignIn, provider: ScriptedProvider
) -> None:
    for claims in ({"nonce": "another"}, {"auth_time": None}):
        provider.claims = claims
        page = sign_in(400 if "nonce" in claims else 503)
        assert page.select(f'a[href^="{SIGN_OUT}"]') == []


def test_to_cancel_a_step_up_leaves_the_agent_signed_in(
    client: PageClient,
    app: Flask,
    sign_in: SignIn,
    provider: ScriptedProvider,
    provider_browser: ProviderBrowser,
    subtests: pytest.Subtests,
) -> None:
    provider.claims = {"auth_time": time.time() - 4000}
    sign_in(303, browser=client)
    path = f"/support/viewers/{seed.ALICE.id}/unlink-all"
    for callback in ({"error": "access_denied"}, {"error": "login_required"}, {"error": "other"}, {}):
        with subtests.test(callback=callback):
            provider.callback = {"code": None, **callback}
            url = authorization_url(client, again=True, next_path=path)
            response = client.get(provider_browser.authorize(url), 303)
            assert response.location == path
            # The page that needs a recent sign-in says so, and the session goes on.
            page = client.follow(client.follow(response, 303))
            assert page.text("main h2") == "Please sign in once more"
            assert page.text(".staff-name") == "Bob Agent"
            assert client.get("/support/account", 200)
    assert [row["kind"] for row in session_rows(app)] == ["agent"]
