"""What an identity provider may say that is not so, and what it may do instead of answering: nobody comes in by it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask, Response
from joserfc import jwt
from joserfc.jwk import RSAKey

from portal.domain.actors import Role
from portal.ledger.tables import ledger
from portal.pages.staff_auth.oidc.provider import MAX_CONCURRENT_SIGN_INS, METADATA_SECONDS
from portal.pages.staff_auth.oidc.provider import Provider as PortalsView
from portal.settings.environment import variable
from tests.conftest import services_of
from tests.harness.inside import logged, outcomes, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.servers import free_port
from tests.staff_auth.oidc.provider_browser import Visitor, changed, query_of, set_out, visiting
from tests.staff_auth.oidc.scripted_provider import (
    CLIENT_ID,
    LEAD,
    METADATA,
    ROLE,
    SECRET,
    Provider,
    lying_provider,
    saying,
    unsigned,
    with_shared_secret,
)

NOT_USED = "This sign-in can't be used"
NOT_SET_UP = "Signing in with a work account is not set up right"
NO_ANSWER = "Your sign-in provider does not answer right now"
AGAIN = "Please sign in at your provider again"
NO_ROLE = "Your account may not use customer support here"


@pytest.fixture(scope="session")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=True)


@pytest.fixture(scope="session")
def another_key() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=True)


@pytest.fixture
def provider(key: RSAKey) -> Iterator[Provider]:
    with lying_provider(key) as provider:
        yield provider


@pytest.fixture
def environ(environ: dict[str, str], provider: Provider) -> dict[str, str]:
    """The portal of this test knows the provider."""
    given = {
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "agent_role": ROLE,
        "supervisor_role": LEAD,
    }
    return environ | {variable(f"staff_oidc_{name}"): value for name, value in given.items()}


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with visiting() as visitor:
        yield visitor


@pytest.fixture
def comes_back(client: PageClient, visitor: Visitor) -> Callable[..., Page]:
    """Go to the provider and back; ``comes_back(303)`` is a sign-in that works."""

    def go(status: int, *, browser: PageClient = client, again: bool = False) -> Page:
        return browser.get(visitor.goes(set_out(browser, again=again)), status)

    return go


def seconds_ago(seconds: float) -> float:
    return time.time() - seconds


def role_of(app: Flask, sub: str = "bob") -> Role | None:
    account = services_of(app).agents.find(f"oidc:{sub}")
    return account.role if account else None


def nobody_came_in(app: Flask, outcome: str = "wrong") -> bool:
    return session_rows(app) == [] and outcomes(app, "sign_in") == [outcome]


def test_an_honest_provider_lets_an_agent_in(app: Flask, comes_back: Callable[..., Page], provider: Provider) -> None:
    assert comes_back(303).location == "/support"

    assert outcomes(app, "sign_in") == ["signed_in"]
    assert role_of(app) is Role.AGENT
    # All was in the ID token, so nothing else was asked for.
    assert [path for path, _ in provider.heard] == [METADATA, "/authorize", "/token", "/keys"]


@pytest.mark.parametrize(
    "lie",
    [
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
    ],
    ids=str,
)
def test_an_id_token_that_is_not_for_this_sign_in_is_refused(
    app: Flask, comes_back: Callable[..., Page], provider: Provider, lie: dict[str, Any]
) -> None:
    provider.claims = lie

    assert comes_back(400).heading == NOT_USED
    assert nobody_came_in(app)
    assert services_of(app).agents.all() == []


def test_an_id_token_for_several_audiences_says_that_it_was_made_for_us(
    app: Flask, comes_back: Callable[..., Page], provider: Provider
) -> None:
    provider.claims = {"aud": ["another-client", CLIENT_ID], "azp": CLIENT_ID}

    comes_back(303)

    assert role_of(app) is Role.AGENT


def test_an_unsigned_id_token_is_refused_also_where_the_provider_offers_none(
    app: Flask, comes_back: Callable[..., Page], provider: Provider
) -> None:
    provider.metadata = {"id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]}
    provider.sign = unsigned

    assert comes_back(400).heading == NOT_USED
    assert nobody_came_in(app)


@pytest.mark.parametrize("form", ["pem", "der", "secret"])
def test_no_shared_secret_signs_an_id_token(
    app: Flask, comes_back: Callable[..., Page], provider: Provider, key: RSAKey, form: str
) -> None:
    secrets = {"pem": key.as_pem(private=False), "der": key.as_der(private=False), "secret": SECRET.encode()}
    provider.metadata = {"id_token_signing_alg_values_supported": ["HS256", "RS256"]}
    provider.sign = with_shared_secret(secrets[form])

    assert comes_back(400).heading == NOT_USED
    assert nobody_came_in(app)


def test_a_key_that_is_not_the_provider_s_signs_nobody_in(
    app: Flask, comes_back: Callable[..., Page], provider: Provider, another_key: RSAKey
) -> None:
    provider.sign = lambda header, claims: jwt.encode(header, claims, another_key)

    assert comes_back(400).heading == NOT_USED
    assert nobody_came_in(app)


def test_a_key_that_the_token_brings_along_is_not_trusted(
    app: Flask, comes_back: Callable[..., Page], provider: Provider, another_key: RSAKey
) -> None:
    provider.header = {"kid": another_key.kid, "jwk": another_key.as_dict(private=False)}
    provider.sign = lambda header, claims: jwt.encode(header, claims, another_key)

    assert comes_back(400).heading == NOT_USED
    assert nobody_came_in(app)


def test_a_new_key_counts_at_once_and_an_old_one_no_longer(
    app: Flask, comes_back: Callable[..., Page], provider: Provider, key: RSAKey, another_key: RSAKey
) -> None:
    comes_back(303)

    provider.keys, provider.key = [another_key], another_key
    comes_back(303)
    provider.key = key
    assert comes_back(400).heading == NOT_USED

    assert outcomes(app, "sign_in") == ["signed_in", "signed_in", "wrong"]


@pytest.mark.parametrize("lie", [None, True, "", 1e300, float("nan"), []], ids=str)
def test_who_does_not_say_when_is_the_operator_s_to_mend(
    app: Flask, comes_back: Callable[..., Page], provider: Provider, lie: object
) -> None:
    provider.claims = {"auth_time": lie}

    with logged() as events:
        page = comes_back(503)

    assert page.heading == "Your sign-in provider leaves something out"
    assert "auth_time" in page.text()
    assert nobody_came_in(app, "misconfigured")
    assert [event["log_level"] for event in events if event["event"] == "staff_provider_misconfigured"] == ["error"]


@pytest.mark.parametrize(
    ("ago", "status"), [(43200 + 50, 303), (43200 + 70, 403), (1.7e9, 403), (-50, 303), (-70, 403)]
)
def test_a_proof_is_no_older_than_a_session_may_be(
    app: Flask, comes_back: Callable[..., Page], provider: Provider, ago: float, status: int
) -> None:
    provider.claims = {"auth_time": seconds_ago(ago)}

    page = comes_back(status)

    if status == 403:
        assert page.heading == AGAIN
        assert nobody_came_in(app)
        assert rows(app, ledger)[-1]["actor_id"] == "oidc:bob"
    else:
        [session] = session_rows(app)
        seconds = (datetime.now(UTC) - session["authenticated_at"]).total_seconds()
        assert max(ago, 0) <= seconds + 1 < max(ago, 0) + 10


@pytest.mark.parametrize(("ago", "status"), [(0, 303), (50, 303), (70, 403), (None, 503)])
def test_to_prove_it_again_the_proof_has_to_be_newer_than_the_departure(
    comes_back: Callable[..., Page], provider: Provider, ago: int | None, status: int
) -> None:
    provider.claims = {"auth_time": ago if ago is None else seconds_ago(ago)}

    page = comes_back(status, again=True)

    if status != 303:
        # The next try has to prove it again too.
        assert page.select('a[href="/support/sign-in?next=/support&again=1"]')


def test_a_departure_is_good_for_an_hour(app: Flask, client: PageClient, visitor: Visitor) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=61), tick=True):
        path = visitor.goes(set_out(client))

    assert client.get(path, 400).heading == "This sign-in can't be finished"
    assert rows(app, ledger) == []


@pytest.mark.parametrize("code", ["another", "\0", "a" * 5000])
def test_a_code_that_the_provider_did_not_give_is_refused(
    app: Flask, client: PageClient, visitor: Visitor, code: str
) -> None:
    assert client.get(changed(visitor.goes(set_out(client)), code=code), 400).heading == NOT_USED
    assert nobody_came_in(app)


@pytest.mark.parametrize(
    ("claim", "claims", "role"),
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
        ("roles", {"roles": True}, None),
        ("roles", {"roles": []}, None),
        ("realm_access.roles", {"realm_access": {"roles": [ROLE]}}, Role.AGENT),
        ("realm_access.roles", {"realm_access": {"groups": [ROLE]}}, None),
        ("realm_access.roles", {"realm_access": [ROLE]}, None),
        ("realm_access.roles", {"realm_access": {"roles": {"deeper": ROLE}}}, None),
        ("resource_access.tv.example.roles", {"resource_access": {"tv.example": {"roles": [ROLE]}}}, Role.AGENT),
        ("https://example.com/roles", {"https://example.com/roles": [ROLE]}, Role.AGENT),
        (".", {"roles": [ROLE]}, None),
    ],
    ids=str,
)
def test_the_role_claim_is_found_where_the_setting_says(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    comes_back: Callable[..., Page],
    provider: Provider,
    claim: str,
    claims: dict[str, Any],
    role: Role | None,
) -> None:
    app = make_app(staff_oidc_role_claim=claim)
    provider.claims = {"roles": None, **claims}

    page = comes_back(303 if role else 403, browser=browse(app))

    assert role_of(app) is role
    assert role or (page.heading == NO_ROLE and nobody_came_in(app))


def test_what_the_id_token_leaves_out_is_looked_for_in_userinfo(
    app: Flask, comes_back: Callable[..., Page], provider: Provider
) -> None:
    provider.claims = {"roles": None, "name": None}
    provider.userinfo = {"roles": [LEAD], "name": "Bob of support", "email": "bob@example.com"}

    comes_back(303)

    account = services_of(app).agents.find("oidc:bob")
    assert account is not None
    assert (account.role, account.name, account.email) == (Role.SUPERVISOR, "Bob of support", "bob@example.com")


def test_the_id_token_counts_where_both_say_something(
    app: Flask, comes_back: Callable[..., Page], provider: Provider
) -> None:
    provider.claims = {"roles": [], "name": None}
    provider.userinfo = {"roles": [LEAD]}

    assert comes_back(403).heading == NO_ROLE
    assert nobody_came_in(app)


@pytest.mark.parametrize("sub", ["alice", None, ["bob"]])
def test_userinfo_about_somebody_else_is_refused(
    app: Flask, comes_back: Callable[..., Page], provider: Provider, sub: object
) -> None:
    provider.claims = {"roles": None}
    provider.userinfo = {"roles": [LEAD], "sub": sub}

    assert comes_back(400).heading == NOT_USED
    assert nobody_came_in(app)


def test_without_userinfo_the_id_token_is_all_there_is(
    app: Flask, comes_back: Callable[..., Page], provider: Provider
) -> None:
    provider.metadata = {"userinfo_endpoint": None}
    provider.claims = {"roles": None}

    assert comes_back(403).heading == NO_ROLE
    assert nobody_came_in(app)


@pytest.mark.parametrize(
    ("claims", "name", "email"),
    [
        ({"name": "Bob\0\n<b>"}, "Bob<b>", None),
        ({"name": "B" * 300}, "B" * 200, None),
        ({"name": " ", "preferred_username": "bobby"}, "bobby", None),
        ({"name": None, "email": "bob@example.com"}, "bob@example.com", "bob@example.com"),
        ({"name": ["Bob"]}, "bob", None),
        ({"email": "bob@example.com", "email_verified": False}, "Bob", None),
        ({"email": "bob@example.com", "email_verified": True}, "Bob", "bob@example.com"),
    ],
    ids=str,
)
def test_the_agent_is_greeted_by_what_can_be_shown(
    app: Flask, comes_back: Callable[..., Page], provider: Provider, claims: dict[str, Any], name: str, email: str
) -> None:
    provider.claims = claims

    comes_back(303)

    account = services_of(app).agents.find("oidc:bob")
    assert account is not None
    assert (account.name, account.email) == (name, email)


@pytest.mark.parametrize(
    ("path", "answer", "status", "heading", "outcome"),
    [
        ("/token", saying(500), 503, NO_ANSWER, "unavailable"),
        ("/token", saying(429), 503, NO_ANSWER, "unavailable"),
        ("/token", saying(403), 503, NOT_SET_UP, "misconfigured"),
        ("/token", saying(401), 503, NOT_SET_UP, "misconfigured"),
        ("/token", saying(400, {"error": "unauthorized_client"}), 503, NOT_SET_UP, "misconfigured"),
        ("/token", saying(400, {"error": ["invalid_client"]}), 400, NOT_USED, "wrong"),
        ("/token", saying(200, {"error": "invalid_grant"}), 400, NOT_USED, "wrong"),
        ("/token", saying(200, []), 503, NOT_SET_UP, "misconfigured"),
        ("/token", saying(200, "text"), 503, NOT_SET_UP, "misconfigured"),
        ("/token", saying(200, {"access_token": "a"}), 503, NOT_SET_UP, "misconfigured"),
        ("/token", saying(200, {"access_token": "a", "id_token": 5}), 400, NOT_USED, "wrong"),
        ("/token", saying(200, {"access_token": "a", "id_token": "a.b.c"}), 400, NOT_USED, "wrong"),
        ("/keys", saying(404), 503, NOT_SET_UP, "misconfigured"),
        ("/keys", saying(503), 503, NO_ANSWER, "unavailable"),
        ("/keys", saying(200, {"keys": []}), 503, NOT_SET_UP, "misconfigured"),
        ("/keys", saying(200, {"keys": "none"}), 503, NOT_SET_UP, "misconfigured"),
        ("/keys", saying(200, {"keys": [{"kty": "RSA"}]}), 503, NOT_SET_UP, "misconfigured"),
        ("/userinfo", saying(500), 503, NO_ANSWER, "unavailable"),
        ("/userinfo", saying(401), 503, NOT_SET_UP, "misconfigured"),
        ("/userinfo", saying(200, "bob"), 503, NOT_SET_UP, "misconfigured"),
    ],
)
def test_an_answer_that_is_none_signs_nobody_in(
    app: Flask,
    comes_back: Callable[..., Page],
    provider: Provider,
    path: str,
    answer: Any,
    status: int,
    heading: str,
    outcome: str,
) -> None:
    provider.claims = {"roles": None}
    provider.answers[path] = answer

    page = comes_back(status)

    assert page.heading == heading
    assert nobody_came_in(app, outcome)
    assert bool(page.header("Retry-After", "")) == (status == 503)


@pytest.mark.parametrize("path", ["/token", "/keys", "/userinfo", METADATA])
def test_no_redirect_is_followed(
    app: Flask, client: PageClient, visitor: Visitor, provider: Provider, path: str
) -> None:
    provider.claims = {"roles": None}
    provider.answers[path] = saying(307, None, Location=f"{provider.issuer}/elsewhere")

    if path == METADATA:
        page = client.get("/support/sign-in/provider", 503)
    else:
        page = client.get(visitor.goes(set_out(client)), 503)

    assert page.heading == NOT_SET_UP
    assert provider.asked("/elsewhere") == 0
    assert session_rows(app) == []


@pytest.mark.parametrize(
    "lie",
    [
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
    ],
    ids=str,
)
def test_metadata_that_lead_elsewhere_are_refused_until_they_are_mended(
    app: Flask, client: PageClient, comes_back: Callable[..., Page], provider: Provider, lie: dict[str, Any]
) -> None:
    provider.metadata = lie
    with logged() as events:
        page = client.get("/support/sign-in/provider", 503)
    assert page.heading == NOT_SET_UP
    [event] = [event for event in events if event["event"] == "staff_provider_misconfigured"]
    assert event["error"].startswith(f"metadata: {next(iter(lie))} ")

    provider.metadata = {}
    comes_back(303)


@pytest.mark.parametrize("document", [[], "text", None, 5, {}])
def test_metadata_that_are_none_are_refused(client: PageClient, provider: Provider, document: object) -> None:
    provider.answers[METADATA] = saying(200, document)

    assert client.get("/support/sign-in/provider", 503).heading == NOT_SET_UP


def test_metadata_give_the_portal_no_orders(app: Flask, comes_back: Callable[..., Page], provider: Provider) -> None:
    provider.metadata = {
        "verify": False,
        "proxies": {"http": "http://127.0.0.1:9"},
        "scope": "all",
        "jwks": {"keys": []},
    }

    comes_back(303)


def test_metadata_are_kept_for_a_while_and_not_for_ever(app: Flask, client: PageClient, provider: Provider) -> None:
    now = [0.0]
    app.extensions["portal.staff_oidc"] = PortalsView(services_of(app).settings, clock=lambda: now[0])

    for now[0] in (0.0, 1.0, METADATA_SECONDS - 1):
        set_out(client)
    assert provider.asked(METADATA) == 1

    now[0] = METADATA_SECONDS + 1
    set_out(client)
    assert provider.asked(METADATA) == 2


def test_plain_http_is_for_a_provider_on_the_same_machine(make_app: Callable[..., Flask]) -> None:
    with pytest.raises(Exception, match="PORTAL_STAFF_OIDC_ISSUER: must start with https://"):
        make_app(staff_oidc_issuer="http://idp.example")


@pytest.mark.parametrize("sent", [None, "", "https://evil.example"])
def test_a_provider_that_promises_to_name_itself_has_to(
    app: Flask, client: PageClient, comes_back: Callable[..., Page], provider: Provider, sent: str | None
) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    provider.back = {"iss": sent}

    assert comes_back(400).heading == NOT_USED
    assert nobody_came_in(app)
    # What another issuer sent is not handed to ours.
    assert provider.asked("/token") == 0


def test_a_provider_that_names_itself_rightly_may(comes_back: Callable[..., Page], provider: Provider) -> None:
    provider.back = {"iss": provider.issuer}

    comes_back(303)


def test_who_does_not_promise_it_may_still_not_name_another(
    comes_back: Callable[..., Page], provider: Provider
) -> None:
    provider.back = {"iss": "https://evil.example"}

    assert comes_back(400).heading == NOT_USED


@pytest.mark.parametrize(
    ("offered", "claim", "scope"),
    [
        (None, "groups", "openid profile email"),
        (["openid", "groups"], "groups", "openid profile email groups"),
        (["openid", "groups"], "roles", "openid profile email"),
        (["openid", "realm_access"], "realm_access.roles", "openid profile email realm_access"),
    ],
)
def test_a_scope_of_the_claim_s_name_is_asked_for_where_there_is_one(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    provider: Provider,
    offered: list[str] | None,
    claim: str,
    scope: str,
) -> None:
    provider.metadata = {"scopes_supported": offered}

    assert query_of(set_out(browse(make_app(staff_oidc_role_claim=claim))))["scope"] == scope


def test_a_provider_that_takes_the_secret_in_the_form_gets_it_there(
    comes_back: Callable[..., Page], provider: Provider
) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    comes_back(303)

    assert next(form for path, form in provider.heard if path == "/token")["client_secret"] == SECRET


def test_a_provider_that_is_down_is_told_so(make_app: Callable[..., Flask], browse: Callable[..., PageClient]) -> None:
    browser = browse(make_app(staff_oidc_issuer=f"http://127.0.0.1:{free_port()}"))

    with logged() as events:
        page = browser.get("/support/sign-in/provider", 503)

    assert page.heading == NO_ANSWER
    assert page.header("Retry-After") == "5"
    assert [event["log_level"] for event in events if event["event"] == "staff_provider_failed"] == ["warning"]


@pytest.mark.parametrize("path", [METADATA, "/token", "/keys", "/userinfo"])
def test_a_provider_that_hangs_holds_nobody_up(
    app: Flask, client: PageClient, visitor: Visitor, provider: Provider, path: str
) -> None:
    app.extensions["portal.staff_oidc"] = PortalsView(services_of(app).settings, seconds=0.5)
    provider.claims = {"roles": None}
    with hanging(provider, path):
        start = time.monotonic()
        if path == METADATA:
            page = client.get("/support/sign-in/provider", 503)
        else:
            page = client.get(visitor.goes(set_out(client)), 503)
        assert time.monotonic() - start < 3

    assert page.heading == NO_ANSWER
    assert session_rows(app) == []


def test_a_provider_that_hangs_takes_few_threads(
    app: Flask, browse: Callable[..., PageClient], provider: Provider
) -> None:
    def asks() -> None:
        browse(app).get("/support/sign-in/provider", 503)

    app.extensions["portal.staff_oidc"] = PortalsView(services_of(app).settings, seconds=1.5)
    with hanging(provider, METADATA):
        waiting = [Thread(target=asks) for _ in range(MAX_CONCURRENT_SIGN_INS)]
        for thread in waiting:
            thread.start()
        while provider.asked(METADATA) < MAX_CONCURRENT_SIGN_INS:
            time.sleep(0.01)
        start = time.monotonic()
        assert browse(app).get("/support/sign-in/provider", 503).heading == NO_ANSWER
        assert time.monotonic() - start < 0.5
        for thread in waiting:
            thread.join()

    assert provider.asked(METADATA) == MAX_CONCURRENT_SIGN_INS


def test_nothing_that_was_sent_or_received_is_logged(
    client: PageClient, visitor: Visitor, provider: Provider, comes_back: Callable[..., Page]
) -> None:
    provider.claims = {"nonce": "another"}
    with logged() as events:
        path = visitor.goes(set_out(client))
        client.get(path, 400)

    said = str(events)
    secrets = [query_of(path)["code"], query_of(path)["state"], "access-of-bob", SECRET]
    secrets += [form["code_verifier"] for asked, form in provider.heard if asked == "/token"]
    assert not [secret for secret in secrets if secret in said]
    assert "ID token: nonce is not right" in said


def test_if_the_ledger_can_t_be_written_nobody_is_signed_in(
    app: Flask, client: PageClient, visitor: Visitor, provider: Provider
) -> None:
    path = visitor.goes(set_out(client))
    with refusing(app, "NEW.outcome IS NULL"):
        client.get(path, 503)
    assert provider.asked("/token") == 0

    path = visitor.goes(set_out(client))
    with refusing(app, "NEW.outcome IS NOT NULL"):
        client.get(path, 503)

    assert session_rows(app) == []


@contextmanager
def refusing(app: Flask, rows_where: str) -> Iterator[None]:
    """Let the database refuse some rows of the ledger while the block runs."""
    database = services_of(app).database
    with database.write() as connection:
        connection.execute(
            sa.text(
                f"CREATE TRIGGER no_more BEFORE INSERT ON ledger WHEN {rows_where} "
                "BEGIN SELECT RAISE(ABORT, 'no more'); END"
            )
        )
    yield
    with database.write() as connection:
        connection.execute(sa.text("DROP TRIGGER no_more"))


@contextmanager
def hanging(provider: Provider, path: str) -> Iterator[None]:
    """Let the provider answer nothing at a path until the block ends."""
    over = Event()

    def wait() -> Response:
        over.wait(10)
        return Response(status=500)

    provider.answers[path] = wait
    try:
        yield
    finally:
        over.set()
