"""Staff sign in with a real identity provider (Canaille, by pytest-iam), the whole way there and back."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from pytest_iam import Server

from portal.commands.check import check
from portal.domain.actors import Actor, ActorKind, Role
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempts import Attempt
from portal.ledger.tables import ledger
from portal.settings.environment import variable
from portal.settings.loading import load
from tests.conftest import services_of
from tests.harness.inside import cookie, give_cookie, logged, outcomes, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.staff_auth.oidc.provider_browser import CALLBACK, SET_OUT, Visitor, changed, query_of, set_out, visiting

CLIENT_ID = "portal"
SECRET = "made-up-staff-secret"
PASSWORD = "made-up-password-of-bob"

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning:canaille")]


@pytest.fixture
def environ(environ: dict[str, str], iam_server: Server) -> dict[str, str]:
    """The portal of this test knows the provider, whose groups are roles."""
    provider = {
        "issuer": iam_server.url.rstrip("/"),
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "role_claim": "groups",
        "agent_role": "support",
        "supervisor_role": "support-leads",
    }
    return environ | {variable(f"staff_oidc_{name}"): value for name, value in provider.items()}


@pytest.fixture
def registration(iam_server: Server, environ: dict[str, str]) -> Iterator[Any]:
    """The portal, as the provider knows it."""
    origin = environ["PORTAL_PUBLIC_URL"]
    client = iam_server.models.Client(
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
    iam_server.backend.save(client)
    # It names those whom its tokens are for only once it is known itself.
    client.audience = [client]
    iam_server.backend.save(client)
    yield client
    iam_server.backend.delete(client)


@pytest.fixture
def hire(iam_server: Server, registration: Any) -> Iterator[Callable[..., str]]:
    """Return a maker of people at the provider: ``hire("support")`` gives the sub of one who is signed in there."""
    made: list[Any] = []

    def make(*groups: str) -> str:
        name = f"bob-{uuid4().hex}"
        user = iam_server.random_user(
            user_name=name, formatted_name="Bob", emails=[f"{name}@example.com"], password=PASSWORD
        )
        theirs = [iam_server.random_group(display_name=group, members=[user]) for group in groups]
        made.extend([*theirs, user])
        iam_server.login(user)
        iam_server.consent(user, registration)
        return name

    yield make
    iam_server.logout()
    for thing in made:
        iam_server.backend.delete(thing)


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with visiting() as visitor:
        yield visitor


def is_signed_in(browser: PageClient) -> bool:
    return browser.get("/support/account", 303 if not cookie(browser, "activate-staff") else 200).location is None


def nobody_came_in(app: Flask) -> bool:
    return session_rows(app) == []


def says(page: Page, heading: str) -> bool:
    return page.heading == heading and bool(page.select('a[href^="/support/sign-in?next="]'))


def test_an_agent_signs_in(client: PageClient, app: Flask, hire: Callable[..., str], visitor: Visitor) -> None:
    who = f"oidc:{hire('support')}"
    address = set_out(client, next_path="/support/account")
    query = query_of(address)
    assert query["redirect_uri"] == client.settings.public_url + CALLBACK
    assert query["code_challenge_method"] == "S256"
    assert query["max_age"] == "43200"
    assert len(query["code_challenge"]) == 43
    assert query["nonce"] != query["state"]
    assert "prompt" not in query

    back = client.get(visitor.goes(address), 303)

    assert back.location == "/support/account"
    assert client.follow(back).text(".staff-bar").endswith("Bob, Agent")
    account = services_of(app).agents.find(who)
    assert account is not None
    assert (account.role, account.email) == (Role.AGENT, f"{who.removeprefix('oidc:')}@example.com")
    assert [(row["outcome"], row["actor_kind"], row["actor_id"]) for row in rows(app, ledger)] == [
        (None, "agent", ""),
        ("signed_in", "agent", who),
    ]
    [session] = session_rows(app)
    assert abs(session["authenticated_at"] - datetime.now(UTC)) < timedelta(seconds=30)


def test_it_works_on_postgresql_too(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    postgresql_url: str,
    hire: Callable[..., str],
    visitor: Visitor,
) -> None:
    app = make_app(database_url=postgresql_url)
    browser = browse(app)
    hire("support")

    browser.get(visitor.goes(set_out(browser)), 303)

    assert is_signed_in(browser)
    assert outcomes(app, "sign_in") == ["signed_in"]


@pytest.mark.parametrize("groups", [("support-leads",), ("support", "support-leads"), ("support-leads", "support")])
def test_whoever_leads_is_a_supervisor(
    client: PageClient, app: Flask, hire: Callable[..., str], visitor: Visitor, groups: tuple[str, ...]
) -> None:
    who = f"oidc:{hire(*groups)}"

    client.get(visitor.goes(set_out(client)), 303)

    account = services_of(app).agents.find(who)
    assert account is not None
    assert account.role is Role.SUPERVISOR


@pytest.mark.parametrize("groups", [(), ("Support",), ("support-team",), ("other", "people")])
def test_whoever_has_no_role_is_told_whom_to_ask(
    client: PageClient, app: Flask, hire: Callable[..., str], visitor: Visitor, groups: tuple[str, ...]
) -> None:
    who = f"oidc:{hire(*groups)}"

    page = client.get(visitor.goes(set_out(client)), 403)

    assert says(page, "Your account may not use customer support here")
    assert "Ask whoever manages accounts to give it the role" in page.text()
    assert nobody_came_in(app)
    assert services_of(app).agents.find(who) is None
    assert [(row["outcome"], row["actor_id"]) for row in rows(app, ledger)] == [(None, ""), ("wrong", who)]


def test_no_token_is_kept(
    client: PageClient, app: Flask, iam_server: Server, hire: Callable[..., str], visitor: Visitor
) -> None:
    hire("support")
    with logged() as events:
        client.get(visitor.goes(set_out(client)), 303)

    given = [token.access_token for token in iam_server.backend.query(iam_server.models.Token)]
    assert given
    cookies = [cookie(client, name) or "" for name in ("activate", "activate-staff")]
    kept = str([session_rows(app), rows(app, ledger), services_of(app).agents.all(), events, cookies])
    assert not [token for token in given if token in kept]
    assert len(cookies[0]) < 300


def test_turning_back_there_leads_to_a_sentence(
    client: PageClient, app: Flask, iam_server: Server, registration: Any, visitor: Visitor
) -> None:
    iam_server.login(iam_server.random_user())
    try:
        page = client.get(visitor.refuses(set_out(client)))
    finally:
        iam_server.logout()

    assert says(page, "You are not signed in")
    assert nobody_came_in(app)
    assert rows(app, ledger) == []


def test_a_wrong_verifier_signs_nobody_in(
    client: PageClient, app: Flask, hire: Callable[..., str], visitor: Visitor
) -> None:
    hire("support")
    address = set_out(client)

    page = client.get(visitor.goes(changed(address, code_challenge="A" * 43)), 400)

    assert says(page, "This sign-in can't be used")
    assert nobody_came_in(app)
    assert outcomes(app, "sign_in") == ["wrong"]


def test_a_nonce_of_another_sign_in_signs_nobody_in(
    client: PageClient, app: Flask, hire: Callable[..., str], visitor: Visitor
) -> None:
    hire("support")
    address = set_out(client)

    page = client.get(visitor.goes(changed(address, nonce="another")), 400)

    assert says(page, "This sign-in can't be used")
    assert nobody_came_in(app)


@pytest.mark.parametrize(
    ("values", "status", "heading"),
    [
        ({"state": "another"}, 400, "This sign-in can't be finished"),
        ({"state": None}, 400, "This sign-in can't be finished"),
        ({"state": "\0"}, 400, "This sign-in can't be finished"),
        ({"code": None}, 200, "You are not signed in"),
        ({"code": ""}, 200, "You are not signed in"),
        ({"iss": "https://evil.example"}, 400, "This sign-in can't be used"),
        ({"iss": ""}, 400, "This sign-in can't be used"),
        ({"iss": None}, 400, "This sign-in can't be used"),
        ({"error": "<script>alert(1)</script>"}, 200, "You are not signed in"),
        ({"error": "login_required"}, 200, "You are not signed in"),
        ({"error": "server_error"}, 503, "Your sign-in provider does not answer right now"),
        ({"error": "invalid_scope"}, 503, "Signing in with a work account is not set up right"),
    ],
    ids=str,
)
def test_what_we_did_not_ask_for_signs_nobody_in(
    client: PageClient,
    app: Flask,
    hire: Callable[..., str],
    visitor: Visitor,
    values: dict[str, str | None],
    status: int,
    heading: str,
) -> None:
    hire("support")

    page = client.get(changed(visitor.goes(set_out(client)), **values), status)

    assert says(page, heading)
    assert "alert(1)" not in page.source
    assert nobody_came_in(app)
    assert outcomes(app, "sign_in") in ([], ["wrong"])
    assert bool(page.header("Retry-After", "")) == (status == 503)


def test_coming_out_of_nowhere_leads_to_a_sentence(client: PageClient, app: Flask) -> None:
    for path in (CALLBACK, f"{CALLBACK}?code=a&state=b", f"{CALLBACK}?error=access_denied"):
        assert says(client.get(path, 400), "This sign-in can't be finished")
    assert rows(app, ledger) == []


def test_a_refresh_of_the_way_back_changes_nothing(
    client: PageClient, app: Flask, hire: Callable[..., str], visitor: Visitor
) -> None:
    hire("support")
    path = visitor.goes(set_out(client))
    client.get(path, 303)

    assert says(client.get(path, 400), "This sign-in can't be finished")
    assert is_signed_in(client)
    assert outcomes(app, "sign_in") == ["signed_in"]


def test_a_code_is_good_once(
    client: PageClient, app: Flask, browse: Callable[..., PageClient], hire: Callable[..., str], visitor: Visitor
) -> None:
    hire("support")
    address = set_out(client)
    copied = cookie(client, "activate") or ""
    path = visitor.goes(address)
    client.get(path, 303)
    thief = browse(app)
    give_cookie(thief, "activate", copied)

    assert says(thief.get(path, 400), "This sign-in can't be used")
    assert not is_signed_in(thief)
    assert outcomes(app, "sign_in") == ["signed_in", "wrong"]


def test_a_code_from_another_browser_signs_nobody_in(
    client: PageClient, app: Flask, browse: Callable[..., PageClient], hire: Callable[..., str], visitor: Visitor
) -> None:
    hire("support")
    path = visitor.goes(set_out(client))
    victim = browse(app)
    set_out(victim)

    assert says(victim.get(path, 400), "This sign-in can't be finished")
    assert not is_signed_in(victim)


def test_two_tabs_can_set_out_side_by_side(client: PageClient, hire: Callable[..., str], visitor: Visitor) -> None:
    hire("support")
    first, _ = set_out(client), set_out(client)

    client.get(visitor.goes(first), 303)

    assert is_signed_in(client)


def test_setting_out_often_does_not_overflow_the_cookie(
    client: PageClient, hire: Callable[..., str], visitor: Visitor
) -> None:
    hire("support")
    addresses = [set_out(client) for _ in range(20)]

    assert len(cookie(client, "activate") or "") < 3500
    client.get(visitor.goes(addresses[-1]), 303)
    assert is_signed_in(client)


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "/activate", "\0", SET_OUT]
)
def test_a_way_on_that_is_not_the_console_s_is_ignored(
    client: PageClient, hire: Callable[..., str], visitor: Visitor, path: str
) -> None:
    hire("support")

    back = client.get(visitor.goes(set_out(client, next_path=path)), 303)

    assert back.location == "/support"


def test_whom_the_operator_disabled_stays_out(
    client: PageClient, app: Flask, hire: Callable[..., str], visitor: Visitor
) -> None:
    who = f"oidc:{hire('support')}"
    services_of(app).agents.disable(who)

    page = client.get(visitor.goes(set_out(client)), 403)

    assert says(page, "Your account is disabled here")
    assert nobody_came_in(app)
    assert [(row["outcome"], row["actor_id"]) for row in rows(app, ledger)] == [(None, ""), ("wrong", who)]


def test_who_is_disabled_while_signed_in_is_out_at_the_next_page(
    client: PageClient, app: Flask, hire: Callable[..., str], visitor: Visitor
) -> None:
    who = f"oidc:{hire('support')}"
    client.get(visitor.goes(set_out(client)), 303)
    client.get("/support/account")

    services_of(app).agents.disable(who)

    assert (client.get("/support/account", 303).location or "").startswith("/support/sign-in?")


def test_a_role_that_changed_counts_from_the_next_sign_in(
    client: PageClient, app: Flask, iam_server: Server, hire: Callable[..., str], visitor: Visitor
) -> None:
    name = hire("support-leads")
    client.get(visitor.goes(set_out(client)), 303)
    [group] = iam_server.backend.query(iam_server.models.Group, display_name="support-leads")
    iam_server.backend.update(group, display_name="support")
    iam_server.backend.save(group)

    client.get(visitor.goes(set_out(client)), 303)

    account = services_of(app).agents.find(f"oidc:{name}")
    assert account is not None
    assert account.role is Role.AGENT
    assert len(session_rows(app)) == 1


def test_an_address_that_failed_too_often_has_to_wait(
    client: PageClient, app: Flask, hire: Callable[..., str], visitor: Visitor
) -> None:
    hire("support")
    somebody = Actor(ActorKind.AGENT, "", "127.0.0.1", "0" * 32)
    for _ in range(10 * 10):
        services_of(app).ledger.record(Attempt(Action.SIGN_IN, somebody), SignInOutcome.WRONG)
    page = client.get(visitor.goes(set_out(client)), 429)
    assert says(page, "Please wait before you try again")
    assert "Please try again in 15 minutes." in page.text("main")
    assert nobody_came_in(app)
    assert outcomes(app, "sign_in")[-1] == SignInOutcome.TOO_MANY


def test_to_prove_it_again_the_provider_asks_for_the_password(
    client: PageClient, app: Flask, iam_server: Server, hire: Callable[..., str], visitor: Visitor
) -> None:
    name = hire("support")
    iam_server.logout()
    client.get(visitor.signs_in(set_out(client), name, PASSWORD), 303)
    # Without being asked to, the provider does not ask again.
    client.get(visitor.goes(set_out(client)), 303)
    address = set_out(client, again=True, next_path="/support/account")
    assert query_of(address)["prompt"] == "login"
    assert query_of(address)["max_age"] == "300"
    with pytest.raises(AssertionError, match="The provider shows a page"):
        visitor.goes(address)

    back = client.get(visitor.signs_in(address, name, PASSWORD), 303)

    assert back.location == "/support/account"
    [session] = session_rows(app)
    assert datetime.now(UTC) - session["authenticated_at"] < timedelta(seconds=30)


def test_a_secret_that_the_provider_refuses_is_the_operator_s_to_mend(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], hire: Callable[..., str], visitor: Visitor
) -> None:
    app = make_app(staff_oidc_client_secret="another-secret")
    browser = browse(app)
    hire("support")
    path = visitor.goes(set_out(browser))

    with logged() as events:
        page = browser.get(path, 503)

    assert says(page, "Signing in with a work account is not set up right")
    assert outcomes(app, "sign_in") == ["misconfigured"]
    [event] = [event for event in events if event["event"] == "staff_provider_misconfigured"]
    assert event["log_level"] == "error"
    assert event["error"] == "token: status 401, invalid_client"


def test_check_tries_the_provider(environ: dict[str, str], registration: Any) -> None:
    def found(**settings: str) -> list[str]:
        given = environ | {variable(name): value for name, value in settings.items()}
        return [str(finding) for finding in check(load(given)) if "staff" in finding.text]

    [good] = found()
    assert good.startswith("ok    staff's identity provider: ")
    assert "/support/sign-in/callback" in good
    [secret] = found(staff_oidc_client_secret="another-secret")
    assert secret == "FAIL  staff's identity provider: token: status 401, invalid_client"
    [slash] = found(staff_oidc_issuer=environ["PORTAL_STAFF_OIDC_ISSUER"] + "/")
    assert slash.startswith("FAIL  staff's identity provider: metadata: issuer is not PORTAL_STAFF_OIDC_ISSUER")


def test_there_is_no_such_way_without_a_provider(
    environ: dict[str, str], make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    none = dict.fromkeys(("staff_oidc_issuer", "staff_oidc_client_id", "staff_oidc_client_secret"), "")
    app = make_app(**none)

    assert browse(app).get(SET_OUT, 303).location == "/support/sign-in"
    assert browse(app).get(f"{CALLBACK}?code=a&state=b", 303).location == "/support/sign-in"
    assert not browse(app).get("/support/sign-in").select(f'a[href^="{SET_OUT}"]')
    assert rows(app, ledger) == []


def test_the_sign_in_page_leads_there(client: PageClient, registration: Any) -> None:
    page = client.get("/support/sign-in?next=/support/account")

    [link] = page.select(f'a[href^="{SET_OUT}"]')
    assert query_of(client.get(str(link["href"]), 302).location or "")["max_age"] == "43200"
    again = client.get("/support/sign-in?next=/support/account&again=1").select(f'a[href^="{SET_OUT}"]')[0]
    assert query_of(client.get(str(again["href"]), 302).location or "")["prompt"] == "login"
