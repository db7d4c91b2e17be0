"""What a request may change: a GET nothing, and one without a session only within a limit. Every route is walked."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from flask import Flask
from joserfc.jwk import RSAKey

from portal.database.authorizations import authorizations
from portal.database.schema import metadata
from portal.domain.actors import Role, SessionKind
from portal.sandbox import seed
from portal.settings.environment import variable
from tests.fixtures import services_of
from tests.harness.accounts import add_account
from tests.harness.faulty_zype import recording_calls
from tests.harness.internals import give_cookie, rows
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff
from tests.pages.test_routes import routes, token_of
from tests.staff_auth.oidc.scripted_provider import CLIENT_ID, SECRET, ScriptedProvider, scripted_provider

# Ten times as many failures of one address, over all accounts.
LIMIT = "1/15minutes"
ADDRESS_LIMIT = 10
# A sign-in at another host is stored before the browser is sent there, by a GET; the state is good for that browser.
BY_GET = authorizations.name

Tables = Mapping[str, list[Mapping[str, Any]]]


@pytest.fixture(scope="session")
def key() -> RSAKey:
    """The key of the staff's identity provider."""
    return RSAKey.generate_key(2048, auto_kid=True)


@pytest.fixture
def provider(key: RSAKey) -> Iterator[ScriptedProvider]:
    """The staff's identity provider."""
    with scripted_provider(key) as provider:
        yield provider


@pytest.fixture
def environ(environ: dict[str, str], provider: ScriptedProvider) -> dict[str, str]:
    """A portal with every way to sign in, and a low limit."""
    staff = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": SECRET}
    return environ | {
        "PORTAL_LIMIT_SIGN_IN": LIMIT,
        "PORTAL_SIGN_IN": "password,code,handoff",
        **{variable(f"staff_oidc_{name}"): value for name, value in staff.items()},
    }


def tables(app: Flask) -> Tables:
    """Return every row of every table, but for when a session was last seen."""
    return {
        table.name: [{name: value for name, value in row.items() if name != "seen_at"} for row in rows(app, table)]
        for table in metadata.sorted_tables
    }


def changed(before: Tables, after: Tables) -> list[str]:
    """Return the names of the tables that differ."""
    return [name for name in before if before[name] != after[name]]


@pytest.fixture
def browsers(app: Flask, browse: Callable[..., PageClient], sandbox: SimulatedZype) -> dict[str, PageClient]:
    """A browser of everybody who may come along; Alice has a linked TV, and another PIN from a link."""
    services = services_of(app)
    alice = Alice(browse(app)).signs_in().types_pin(sandbox.tv().pin).opens("/activate?pin=good1", 303).browser
    names = ("nobody", "agent", "supervisor", "newcomer", "half")
    people = {name: browse(app, address=f"192.0.2.{number}") for number, name in enumerate(names)} | {"viewer": alice}
    # The one has looked Alice up, the other has not.
    sign_in_staff(app, people["agent"])
    people["agent"].submit(people["agent"].get("/support"), "/support", 303, who=seed.ALICE.id)
    sign_in_staff(app, people["supervisor"], "supervisor", Role.SUPERVISOR)
    for name in ("newcomer", "half"):
        add_account(services, name, Role.AGENT)
        session = services.sessions.create(SessionKind.PENDING_AGENT, name, name=None, email=None, address="127.0.0.1")
        give_cookie(people[name], "activate-staff", session)
        services.second_factor.offer(name)
    services.second_factor.enrol("half", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    return people


def test_a_get_changes_nothing(app: Flask, browsers: dict[str, PageClient], sandbox: SimulatedZype) -> None:
    # Here the TV gets its number, which the first page that shows a TV writes; after that, a page writes none.
    tv = services_of(app).directory.tvs(seed.ALICE.id)[0].handle
    before, calls = tables(app), sandbox.record()
    made_up = {"code": "c", "state": "s", "error": "e", "next": "/devices", "again": "1", "before": "9"}
    found = []
    for method, rule in routes(app):
        if method != "GET":
            continue
        path = rule.rule.replace("<consumer_id>", seed.ALICE.id).replace("<device>", tv)
        for who, browser in browsers.items():
            for query in ({}, made_up, {"pin": "good1"}) if who in ("viewer", "agent") else ({},):
                browser.transport.send("GET", path, query, {})
        after = tables(app)
        found += [(path, name) for name in changed(before, after) if name != BY_GET]
        before = after

    assert found == []
    assert sandbox.record() == calls
    assert {row["kind"] for row in before[BY_GET]} == {"viewer"}, "the staff's way needs a link of our own page"


def test_without_a_session_nothing_is_written_or_called_past_a_limit(
    app: Flask, browse: Callable[..., PageClient], sandbox: SimulatedZype, provider: ScriptedProvider
) -> None:
    def state() -> tuple[Tables, int, int]:
        return tables(app), len(calls), len(provider.requests)

    def send(browser: PageClient, method: str, path: str, token: str, number: int) -> None:
        """Send what a stranger can make up."""
        made_up = f"x{number}"
        fields = dict.fromkeys(("password", "name", "code", "state", "token", "who", "iss", "new"), made_up)
        if method == "POST":
            fields |= {"csrf_token": token, "pin": made_up, "email": f"{made_up}@example.com", "reason": "Other"}
        browser.transport.send(method, path, fields, {})

    reached = set()
    with recording_calls(sandbox) as calls:
        for number, (method, rule) in enumerate(routes(app)):
            # An address of its own, so that no other route has used up its limit.
            browser = browse(app, address=f"192.0.2.{number}")
            path = rule.rule.replace("<consumer_id>", seed.ALICE.id).replace("<device>", "0" * 32)
            token = token_of(browser) if method == "POST" else ""
            before = state()
            send(browser, method, path, token, 0)
            if state() == before:
                continue
            reached.add((method, rule.rule))
            # The first refusal of a window is a row.
            for one in range(1, ADDRESS_LIMIT + 1):
                send(browser, method, path, token, one)
            before = state()
            for one in range(20, 23):
                send(browser, method, path, token, one)
            assert state() == before, f"{method} {rule.rule} has no limit for who is not signed in"

    assert reached >= {
        ("POST", "/sign-in"),
        ("POST", "/sign-in/forgotten"),
        ("GET", "/sign-in/code"),
        ("POST", "/sign-in/handoff"),
        ("POST", "/support/sign-in"),
    }
