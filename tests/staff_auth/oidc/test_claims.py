"""The agent's role, name and email address: from which claims they come, of the ID token or of userinfo."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response
from joserfc.jwk import RSAKey

from portal.domain.actors import Role
from portal.pages.staff_auth.oidc.claims import Claims
from portal.settings.loading import load
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.internals import logged
from tests.harness.page import Page, PageClient
from tests.staff_auth.oidc.conftest import SignIn
from tests.staff_auth.oidc.scripted_provider import LEAD, ROLE, ScriptedProvider, response

NOT_USED = "This sign-in can't be used"
NO_ROLE = "Your account may not use customer support here"
DOTTED = "resource_access.tv.example.roles"


@each(
    "claim, claims, role",
    [
        ("roles", {"roles": ROLE}, Role.AGENT),
        ("roles", {"roles": LEAD}, Role.SUPERVISOR),
        ("roles", {"roles": [ROLE, LEAD]}, Role.SUPERVISOR),
        ("roles", {"roles": ["other", ROLE]}, Role.AGENT),
        ("roles", {"roles": [[ROLE]]}, None),
        ("roles", {"roles": {ROLE: True}}, None),
        ("roles", {"roles": f"{ROLE} {LEAD}"}, None),
        ("roles", {"roles": f"{ROLE}er"}, None),
        ("roles", {"roles": None}, None),
        ("roles", {}, None),
        ("roles", {"roles": True}, None),
        ("roles", {"roles": []}, None),
        ("realm_access.roles", {"realm_access": {"roles": [ROLE]}}, Role.AGENT),
        ("realm_access.roles", {"realm_access": {"groups": [ROLE]}}, None),
        ("realm_access.roles", {"realm_access": [ROLE]}, None),
        ("realm_access.roles", {"realm_access": {"roles": {"deeper": ROLE}}}, None),
        (DOTTED, {"resource_access": {"tv.example": {"roles": [ROLE]}}}, Role.AGENT),
        ("https://example.com/roles", {"https://example.com/roles": [ROLE]}, Role.AGENT),
        (".", {"roles": [ROLE]}, None),
    ],
)
def test_the_role_comes_from_the_claim_of_the_setting(claim: str, claims: dict[str, Any], role: Role | None) -> None:
    settings = load(
        {
            "PORTAL_STAFF_OIDC_ROLE_CLAIM": claim,
            "PORTAL_STAFF_OIDC_AGENT_ROLE": ROLE,
            "PORTAL_STAFF_OIDC_SUPERVISOR_ROLE": LEAD,
        }
    )

    assert Claims(claims, {}).role(settings) is role


def test_an_agent_signs_in_with_a_role_of_a_nested_claim(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sign_in: SignIn, provider: ScriptedProvider
) -> None:
    app = make_app(staff_oidc_role_claim=DOTTED)
    provider.claims = {"roles": None, "resource_access": {"tv.example": {"roles": [LEAD]}}}

    sign_in(303, browser=browse(app))

    account = services_of(app).agents.find("oidc:bob")
    assert account is not None
    assert account.role is Role.SUPERVISOR


@each(
    "claims, name, email",
    [
        ({"name": "Bob\0\n<b>"}, "Bob<b>", None),
        ({"name": "B" * 300}, "B" * 200, None),
        ({"name": " ", "preferred_username": "bobby"}, "bobby", None),
        ({"email": "bob@example.com"}, "bob@example.com", "bob@example.com"),
        ({"name": ["Bob"]}, "bob", None),
        ({"name": "Bob", "email": "bob@example.com", "email_verified": False}, "Bob", None),
        ({"name": "Bob", "email": "bob@example.com", "email_verified": True}, "Bob", "bob@example.com"),
    ],
)
def test_name_and_e_mail_are_what_can_be_displayed(claims: dict[str, Any], name: str, email: str | None) -> None:
    found = Claims({"sub": "bob", **claims}, {})

    assert (found.name, found.email) == (name, email)


def test_what_the_id_token_lacks_comes_from_userinfo(app: Flask, sign_in: SignIn, provider: ScriptedProvider) -> None:
    provider.claims = {"roles": None, "name": None}
    provider.userinfo = {"roles": [LEAD], "name": "Bob of support", "email": "bob@example.com"}

    sign_in(303)

    account = services_of(app).agents.find("oidc:bob")
    assert account is not None
    assert (account.role, account.name, account.email) == (Role.SUPERVISOR, "Bob of support", "bob@example.com")


USERINFO_FAILURES = {
    "down": response(500),
    "refuses": response(401, {"error": "invalid_token"}),
    "a signed document": lambda: Response("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", content_type="application/jwt"),
    "about somebody else": response(200, {"sub": "alice", "name": "Alice"}),
    "elsewhere": response(302, None, Location="https://evil.example"),
}


def test_a_missing_name_is_no_fault_if_userinfo_fails(
    app: Flask, sign_in: SignIn, provider: ScriptedProvider, key: RSAKey, subtests: pytest.Subtests
) -> None:
    for name, respond in USERINFO_FAILURES.items():
        with subtests.test(name):
            provider.script(key, claims={"name": None, "preferred_username": "bobby"}, responses={"/userinfo": respond})
            with logged() as events:
                sign_in(303)
            account = services_of(app).agents.find("oidc:bob")
            assert account is not None
            assert account.name == "bobby"
            [event] = [event for event in events if event["event"] == "staff_name_not_read"]
            assert event["log_level"] == "warning"
            assert event["error"].startswith("userinfo: ")


def test_the_id_token_takes_precedence_over_userinfo(refused: Callable[..., Page], provider: ScriptedProvider) -> None:
    provider.claims = {"roles": [], "name": None}
    provider.userinfo = {"roles": [LEAD]}

    refused(NO_ROLE, 403)


def test_userinfo_of_another_subject_is_refused(
    refused: Callable[..., Page], provider: ScriptedProvider, key: RSAKey, subtests: pytest.Subtests
) -> None:
    for sub in ("alice", None, ["bob"]):
        with subtests.test(sub=sub):
            provider.script(key, claims={"roles": None}, userinfo={"roles": [LEAD], "sub": sub})
            refused(NOT_USED)


def test_a_provider_may_have_no_userinfo_endpoint(refused: Callable[..., Page], provider: ScriptedProvider) -> None:
    provider.metadata = {"userinfo_endpoint": None}
    provider.claims = {"roles": None}

    refused(NO_ROLE, 403)
