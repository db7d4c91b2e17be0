"""What five providers send, as docs/oidc.md says: with the settings there it makes an agent, or a reason is logged."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from portal.domain.actors import Role
from portal.pages.staff_auth.oidc.claims import Claims
from portal.settings.loading import load
from tests.docs.pages import read
from tests.harness.cases import each

DOCS = read("docs/oidc.md")
BASE = {"sub": "b0b", "auth_time": 1764000000}


@dataclass
class Case:
    """What a provider sends, and what comes of it."""

    provider: str
    id_token: dict[str, Any]
    userinfo: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    role: Role | None = Role.AGENT
    name: str = "Bob"
    email: str | None = "bob@example.com"
    reason: str = ""


PERSON = {"name": "Bob", "preferred_username": "bob", "email": "bob@example.com"}
OVERAGE = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example"}}}
CASES = [
    Case(
        "Keycloak", {**PERSON, "email_verified": True, "acr": "1", "roles": ["default-roles-staff", "activate-agent"]}
    ),
    Case(
        "Keycloak",
        {**PERSON, "realm_access": {"roles": ["activate-supervisor"]}},
        settings={"ROLE_CLAIM": "realm_access.roles"},
        role=Role.SUPERVISOR,
    ),
    Case(
        "Keycloak",
        {**PERSON, "groups": ["/activate-agent"]},
        settings={"ROLE_CLAIM": "groups"},
        role=None,
        reason="slashes",
    ),
    Case("Microsoft Entra ID", {**PERSON, "oid": "0", "tid": "0", "ver": "2.0", "roles": ["activate-agent"]}),
    Case("Microsoft Entra ID", {"name": "Bob", "roles": ["activate-supervisor"]}, role=Role.SUPERVISOR, email=None),
    Case("Microsoft Entra ID", {**PERSON, **OVERAGE}, settings={"ROLE_CLAIM": "groups"}, role=None, reason="overage"),
    Case("Microsoft Entra ID", PERSON, role=None, reason="neither the ID token nor userinfo has the claim roles"),
    Case("Okta", {"amr": ["pwd", "mfa"], "groups": ["activate-agent"]}, {**PERSON, "email_verified": True}),
    Case("Google", {**PERSON, "email_verified": True, "hd": "example.com"}),
    Case("Google", {**PERSON, "email_verified": True}, role=None, reason="has the claim hd"),
    Case(
        "authentik", {**PERSON, "email_verified": False, "groups": ["x", "activate-agent"], "amr": ["pwd"]}, email=None
    ),
    Case("authentik", {**PERSON, "groups": [], "roles": ["activate-agent"]}, settings={"ROLE_CLAIM": "roles"}),
]


def section(provider: str) -> str:
    """Return what the page says of a provider."""
    return DOCS.partition(f"\n## {provider}\n")[2].partition("\n## ")[0]


def documented_settings(provider: str) -> dict[str, str]:
    """Return the settings of the page, with those of a provider in place of the common ones."""
    common = DOCS.partition("Then set in the portal:")[2].partition("\n## ")[0]
    found = re.findall(r"^ {4}PORTAL_STAFF_OIDC_(\w+)=(\S+)$", common + section(provider), re.MULTILINE)
    return {name: value for name, value in found if not name.startswith("CLIENT") and name != "ISSUER"}


@each("provider", ["Keycloak", "Microsoft Entra ID", "Okta", "Google", "authentik"])
def test_the_page_has_a_section_for_a_provider_with_its_claims_settings_and_sources(provider: str) -> None:
    text = section(provider)
    assert documented_settings(provider)["ROLE_CLAIM"] in ("roles", "groups", "hd")
    for words in ("| Claim | Where from |", "`auth_time`", "Sources: [", "ssuer", "/support/sign-in/callback"):
        assert words.casefold() in text.casefold(), words
    assert f"[{provider}](#" in DOCS


def test_the_claims_of_each_provider_make_an_agent_with_the_documented_settings(subtests: pytest.Subtests) -> None:
    assert {case.provider for case in CASES} == {"Keycloak", "Microsoft Entra ID", "Okta", "Google", "authentik"}
    for case in CASES:
        with subtests.test(case.provider, claims=case.id_token):
            named = {**documented_settings(case.provider), **case.settings}
            settings = load({f"PORTAL_STAFF_OIDC_{name}": value for name, value in named.items()})
            claims = Claims({**BASE, **case.id_token}, case.userinfo)
            assert claims.role(settings) is case.role
            assert (claims.name, claims.email) == (case.name, case.email)
            assert case.role or case.reason in claims.missing_role(settings)
