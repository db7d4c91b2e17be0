"""Support staff at the console's own sign-in: password first, then the second factor."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from portal.domain.actors import Role, SessionKind
from portal.ledger.tables import ledger
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.accounts import add_account
from tests.harness.internals import cookie, give_cookie, logged, outcomes, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice, Bob, Supervisor

COOKIE = "activate-staff"
WRONG_PASSWORD = "wrong"
WRONG = "That name and password don't go together"
OUTSIDE = (
    "//evil.example",
    "https://evil.example/support",
    "/support//evil.example",
    "/support/../activate",
    "/support/./account",
    "/support/viewers/..",
    "/supporters",
    "/activate",
    "/support/nowhere",
    "/support/sign-out",
    "/support/sign-in",
    "/support/sign-in/enrol",
    "/support/account/recovery-codes",
    "/support/account?again=1",
    "/support/account\r\nX-Evil: 1",
    "/support\\account",
    "",
)


def sign_in(browser: PageClient, status: int, name: str = "bob", password: str = WRONG_PASSWORD) -> Page:
    return browser.submit(browser.get("/support/sign-in"), "/support/sign-in", status, name=name, password=password)


def test_password_and_code_lead_to_the_console(bob: Bob, app: Flask) -> None:
    page = bob.gives_password().page
    assert (page.path, page.heading) == ("/support/sign-in/second-factor", "Enter your code")
    pending = cookie(bob.browser, COOKIE)
    assert [row["kind"] for row in session_rows(app)] == ["half_agent"]

    bob._submits("/support/sign-in/second-factor", 303, code=bob.code())

    assert bob.page.path == "/support"
    assert [row["kind"] for row in session_rows(app)] == ["agent"]
    assert cookie(bob.browser, COOKIE) != pending
    assert outcomes(app, "sign_in") == ["half", "signed_in"]
    assert {(row["actor_kind"], row["actor_id"]) for row in rows(app, ledger)} == {("agent", "bob")}


@pytest.mark.parametrize("name", ["bob", "nobody", "no name at all"])
def test_a_wrong_password_gets_the_same_page_for_known_and_unknown_names(
    bob: Bob, client: PageClient, app: Flask, name: str
) -> None:
    page = sign_in(client, 422, name)

    assert page.text("[role=alert] h2") == WRONG
    assert page.value("#name") == name
    assert page.value("#password") == ""
    assert page.text("main").replace(name, "") == sign_in(client, 422, "else").text("main")
    assert outcomes(app, "sign_in") == ["wrong", "wrong"]
    assert {row["actor_id"] for row in rows(app, ledger)} == {"bob" if name == "bob" else "", ""}


def test_the_name_may_be_in_any_case_and_have_white_space_around_it(bob: Bob, client: PageClient) -> None:
    for name in (" BOB ", "\u00a0bob\u200b", "\uff42\uff4f\uff42"):
        sign_in(client, 303, name, Bob.password)


@pytest.mark.parametrize(
    "fields", [{"name": "", "password": ""}, {"name": "a\0b", "password": "x"}, {"name": "a" * 101}]
)
def test_an_incomplete_form_says_what_is_missing(client: PageClient, app: Flask, fields: dict[str, str]) -> None:
    page = client.submit(client.get("/support/sign-in"), "/support/sign-in", 422, **fields)

    assert "Please check your name and password" in page.summary
    assert page.select('[role=alert] a[href="#name"]')
    assert rows(app, ledger) == []


def test_a_stale_form_keeps_the_name_and_never_the_password(client: PageClient, app: Flask, bob: Bob) -> None:
    sent = {"name": "bob", "password": Bob.password, "csrf_token": "stale"}
    client.get("/support/sign-in")

    page = client.send("POST", "/support/sign-in", 422, data=sent)

    assert "This page was open for too long" in page.summary
    assert page.value("#name") == "bob"
    assert Bob.password not in page.source
    assert rows(app, ledger) == []
    client.submit(page, "/support/sign-in", 303, password=Bob.password)


@pytest.mark.parametrize("path", ["/support/sign-in/second-factor", "/support/sign-in/enrol"])
def test_a_stale_form_of_a_later_step_changes_nothing(bob: Bob, app: Flask, path: str) -> None:
    if "enrol" in path:
        services_of(app).agents.reset("bob")
        add_account(services_of(app), "newcomer", Role.AGENT, Bob.password)
        sign_in(bob.browser, 303, "newcomer", Bob.password)
    else:
        bob.gives_password()
    before = (rows(app, ledger), session_rows(app))

    page = bob.browser.send("POST", path, 422, data={"code": "123456", "csrf_token": "stale"})

    assert "open for too long" in page.text("main")
    assert (rows(app, ledger), session_rows(app)) == before


def test_a_path_outside_the_console_is_not_where_a_sign_in_leads(client: PageClient, subtests: pytest.Subtests) -> None:
    for path in OUTSIDE:
        with subtests.test(path=path):
            form = client.send("GET", "/support/sign-in", 200, data={"next": path})
            assert form.value('form[action="/support/sign-in"] [name=next]') == "/support"


@pytest.mark.parametrize("path", ["//evil.example", "/support/sign-out"])
def test_no_step_of_a_sign_in_leads_outside_the_console(bob: Bob, client: PageClient, path: str) -> None:
    fields = {"name": "bob", "password": Bob.password, "next": path}
    page = client.submit(client.get("/support/sign-in"), "/support/sign-in", 303, **fields)
    assert page.location == "/support/sign-in/second-factor"
    second = client.follow(page)
    assert client.submit(second, page.location, 303, code=bob.code(), next=path).location == "/support"


def test_a_sign_in_leads_to_the_page_that_was_opened(bob: Bob) -> None:
    bob.opens("/support/account", 303).signs_in()

    assert bob.page.path == "/support/account"


def test_an_agent_who_has_to_sign_in_again_takes_the_same_steps(bob: Bob, app: Flask) -> None:
    bob.opens("/support/sign-in?next=/support/account").signs_in()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6), tick=True):
        form = bob.opens("/support/account").page
        page = bob.browser.submit(form, "/support/account/recovery-codes", 303)
        assert page.location == "/support/sign-in?next=/support/account&again=1"
        bob._show(page)
        assert "Please sign in once more" in bob.page.text("main")

        bob.signs_in()

        assert bob.page.path == "/support/account"
        bob._submits("/support/account/recovery-codes", 200)
    assert [row["kind"] for row in session_rows(app)] == ["agent"]


@pytest.mark.parametrize("path", ["/support/sign-in/second-factor", "/support/sign-in/enrol"])
def test_without_a_password_no_second_factor_is_asked_for(client: PageClient, app: Flask, path: str) -> None:
    token = str(client.get("/support/sign-in").select("[name=csrf_token]")[0]["value"])

    assert client.get(path, 303).location == "/support/sign-in"
    assert client.send("POST", path, 303, data={"code": "123456", "csrf_token": token}).location == "/support/sign-in"
    assert rows(app, ledger) == []


def test_a_pending_session_opens_no_page_of_the_console(bob: Bob) -> None:
    bob.gives_password()

    page = bob.browser.get("/support/account", 303)

    assert page.location == "/support/sign-in?next=/support/account"


def test_a_session_of_one_kind_in_the_cookie_of_the_other_opens_nothing(
    alice: Alice, bob: Bob, app: Flask, browse: Callable[..., PageClient]
) -> None:
    services = services_of(app)
    viewer = services.sessions.create(SessionKind.VIEWER, "bob", name=None, email=None, address="127.0.0.1")
    agent = services.sessions.create(SessionKind.AGENT, seed.ALICE.id, name=None, email=None, address="127.0.0.1")
    add_account(services, seed.ALICE.id, Role.SUPERVISOR)
    disguised = browse(app)
    give_cookie(disguised, COOKIE, viewer)
    disguised.get("/support/account", 303)

    # The viewers' cookie is signed, so the id is put where a stolen one would have to go.
    alice.signs_in()
    with alice.browser.transport.flask.session_transaction(base_url=alice.browser.settings.public_url) as session:
        session["sid"] = agent
    assert not alice.browser.get("/activate").select(".account")
    # And where they belong, both are good.
    give_cookie(disguised, COOKIE, agent)
    disguised.get("/support/account", 200)


@pytest.mark.parametrize(
    ("idle", "times", "status"),
    [(29, 1, 200), (31, 1, 303), (29, 24, 200), (29, 25, 303)],
    ids=["29 minutes idle", "31 minutes idle", "11.6 hours busy", "12.1 hours busy"],
)
def test_a_session_expires(bob: Bob, app: Flask, idle: int, times: int, status: int) -> None:
    bob.opens("/support/sign-in?next=/support/account").signs_in()
    session_id = cookie(bob.browser, COOKIE) or ""
    start = datetime.now(UTC)

    for time in range(1, times):
        with time_machine.travel(start + timedelta(minutes=idle * time), tick=True):
            assert services_of(app).sessions.find(session_id)
    with time_machine.travel(start + timedelta(minutes=idle * times), tick=True):
        page = bob.browser.get("/support/account", status)

    assert (page.location or "").startswith("/support/sign-in") == (status == 303)


@pytest.mark.parametrize(("minutes", "status"), [(9, 200), (11, 303)])
def test_a_pending_session_expires_after_ten_minutes(bob: Bob, minutes: int, status: int) -> None:
    bob.gives_password()

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes), tick=True):
        bob.browser.get("/support/sign-in/second-factor", status)


def test_signing_out_ends_only_this_session(bob: Bob, app: Flask, browse: Callable[..., PageClient]) -> None:
    elsewhere = Bob(browse(app))
    bob.opens("/support/sign-in?next=/support/account").signs_in()
    elsewhere._used_step = bob._used_step
    elsewhere.opens("/support/sign-in?next=/support/account").signs_in()

    bob.signs_out()

    assert bob.page.path == "/support/sign-in"
    assert cookie(bob.browser, COOKIE) is None
    bob.browser.get("/support/account", 303)
    elsewhere.opens("/support/account")


def test_signing_out_everywhere_ends_all_sessions_of_the_agent(
    bob: Bob, supervisor: Supervisor, app: Flask, browse: Callable[..., PageClient]
) -> None:
    elsewhere = Bob(browse(app))
    supervisor.opens("/support/sign-in?next=/support/account").signs_in()
    bob.opens("/support/sign-in?next=/support/account").signs_in()
    elsewhere._used_step = bob._used_step
    elsewhere.opens("/support/sign-in?next=/support/account").signs_in()
    pending = sign_in(browse(app), 303, "bob", Bob.password)
    assert pending.location == "/support/sign-in/second-factor"

    bob.signs_out_everywhere()

    assert [row["principal_id"] for row in session_rows(app)] == ["supervisor"]
    elsewhere.browser.get("/support/account", 303)
    supervisor.opens("/support/account")


def test_a_disabled_agent_is_signed_out_at_the_next_request(bob: Bob, app: Flask) -> None:
    bob.opens("/support/sign-in?next=/support/account").signs_in()
    session_id = cookie(bob.browser, COOKIE)

    services_of(app).agents.disable("bob")

    assert session_rows(app) == []
    bob.browser.get("/support/account", 303)
    assert sign_in(bob.browser, 422, "bob", Bob.password).text("[role=alert] h2") == WRONG
    # Even a session that was begun at that very moment opens nothing.
    give_cookie(bob.browser, COOKIE, session_id or "")
    late = services_of(app).sessions.create(SessionKind.AGENT, "bob", name=None, email=None, address="127.0.0.1")
    give_cookie(bob.browser, COOKIE, late)
    bob.browser.get("/support/account", 303)


def test_the_pending_session_of_a_disabled_agent_ends(bob: Bob, app: Flask) -> None:
    bob.gives_password()
    services_of(app).agents.disable("bob")

    bob.browser.get("/support/sign-in/second-factor", 303)


def test_no_log_contains_a_name_or_a_secret(bob: Bob, app: Flask) -> None:
    with logged() as events:
        sign_in(bob.browser, 422, "bob", "wrong-password")
        bob.gives_password()
        code = bob.code()
        bob.gives_code("000000", 422)
        bob._submits("/support/sign-in/second-factor", 303, code=code)

    written = str([{k: v for k, v in event.items() if k not in ("ms", "request_id")} for event in events])
    assert "/support/sign-in" in written
    for secret in ("bob", "wrong-password", Bob.password, code, "000000", Bob.secret):
        assert secret not in written


@pytest.fixture
def with_provider(make_app: Callable[..., Flask]) -> Flask:
    """A portal whose operator has an identity provider."""
    return make_app(
        staff_oidc_issuer="http://127.0.0.1:9",
        staff_oidc_client_id="portal",
        staff_oidc_client_secret="a-secret-of-the-provider",
    )


def test_with_a_provider_the_page_links_to_it(with_provider: Flask, browse: Callable[..., PageClient]) -> None:
    page = browse(with_provider).get("/support/sign-in?next=/support/account")
    href = str(page.select_one("main a.button")["href"])
    assert href.startswith("/support/sign-in/provider?next=/support/account&from=")
    assert not page.select("#password")

    services_of(with_provider).agents.add("bob", Role.AGENT)
    assert browse(with_provider).get("/support/sign-in").select("#password")


def test_without_local_accounts_a_sent_password_form_is_not_shown_again(
    with_provider: Flask, browse: Callable[..., PageClient]
) -> None:
    browser = browse(with_provider)
    token = str(browser.get("/support/sign-in").select("[name=csrf_token]")[0]["value"])

    page = browser.send("POST", "/support/sign-in", 422, data={"csrf_token": token, "name": ""})

    assert "You can't sign in that way here" in page.summary


@pytest.mark.parametrize("path", ["/support/sign-in", "/support/sign-in/second-factor"])
def test_a_form_without_its_token_gets_503_while_the_database_fails(app: Flask, path: str) -> None:
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("ALTER TABLE agents RENAME TO elsewhere"))
        connection.execute(sa.text("ALTER TABLE sessions RENAME TO elsewhere_too"))
    browser = app.test_client()
    browser.set_cookie("activate-staff", "x" * 43, domain="127.0.0.1")

    answer = browser.post(path, base_url=services_of(app).settings.public_url)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
