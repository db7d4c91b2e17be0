"""Whoever the provider authenticated and the portal refuses: the log says why and who, and there is a way on."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal.pages.staff_auth.oidc.claims import Claims
from portal.pages.web.redaction import Redactor
from portal.settings.loading import load
from tests.fixtures import services_of
from tests.harness.internals import logged
from tests.harness.page import PageClient
from tests.staff_auth.oidc.conftest import SignIn
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


@pytest.mark.parametrize(
    ("id_token", "userinfo", "reason"),
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
    ids=str,
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
    ({}, {"roles": None}, "role: neither the ID token nor userinfo has the claim roles"),
    ({}, {"roles": None, "_claim_names": {"roles": "src1"}}, "(overage)"),
    ({"amr": "mfa"}, {"amr": ["pwd"]}, "amr: the ID token does not have all of PORTAL_STAFF_OIDC_AMR"),
    ({"acr": "gold"}, {"acr": "bronze"}, "acr: the ID token has none of PORTAL_STAFF_OIDC_ACR"),
    ({}, {"auth_time": 1.7e9}, "auth_time: the authentication is too old"),
    ({}, {"auth_time": 4e9}, "auth_time: it is in the future"),
]


def test_a_403_is_logged_with_the_rule_the_reason_and_the_agent(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    sign_in: SignIn,
    provider: ScriptedProvider,
    subtests: pytest.Subtests,
) -> None:
    for settings, claims, reason in REFUSALS:
        with subtests.test(reason):
            app = make_app(**{f"staff_oidc_{name}": value for name, value in settings.items()})
            provider.claims = {"email": "bob@example.com", **claims}
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
