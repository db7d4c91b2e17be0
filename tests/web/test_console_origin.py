"""With PORTAL_STAFF_URL the console answers at its own origin and nowhere else, and viewers' pages only at theirs."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from joserfc.jwk import RSAKey

from portal.ledger.tables import ledger
from portal.pages.staff_auth.oidc.provider import Provider
from portal.pages.staff_auth.oidc.sign_out import end_session_url
from portal.pages.web.console_origin import SHARED
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.internals import cookie, flask_client, rows, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice, Bob
from tests.harness.transports import InProcess
from tests.pages.test_routes import routes
from tests.staff_auth.oidc.provider_browser import link_to_provider
from tests.staff_auth.oidc.scripted_provider import CLIENT_ID, SECRET, scripted_provider

PUBLIC, STAFF = "https://tv.example.com", "https://support.example.com"


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A portal whose console has an origin of its own."""
    return environ | {"PORTAL_PUBLIC_URL": PUBLIC, "PORTAL_STAFF_URL": STAFF, "PORTAL_PROXY_HOPS": "1"}


@pytest.fixture
def at_staff(app: Flask) -> Callable[[], PageClient]:
    """Return a maker of browsers that are at the console's origin."""
    return lambda: PageClient(InProcess(app, STAFF), services_of(app).settings)


def test_each_route_answers_at_one_origin(app: Flask, client: PageClient, at_staff: Callable[[], PageClient]) -> None:
    staff = at_staff()
    walked = set()
    for method, rule in routes(app):
        path = rule.rule.replace("<consumer_id>", seed.ALICE.id).replace("<device>", "0" * 32)
        walked.add(path)
        if path in SHARED or path == "/":
            continue
        elsewhere, at_home = (client, staff) if path.startswith("/support") else (staff, client)
        page = elsewhere.send(method, path, 404, data={"pin": "good1", "token": "x"})
        assert page.heading == "There is no such page", (method, path)
        assert not page.headers("Set-Cookie"), (method, path)
        found = Page(path, at_home.transport.send(method, path, {}, {}))
        is_other_page = found.status == 404 and not path.startswith("/devices/")
        assert not is_other_page, (method, path, found.status)
    assert walked >= SHARED | {"/support", "/activate"}
    assert (rows(app, ledger), session_rows(app)) == ([], [])


def test_however_the_address_is_written(client: PageClient, at_staff: Callable[[], PageClient]) -> None:
    staff = at_staff()
    for path in ("/Support", "/support/", "/SUPPORT/sign-in", "/support/sign-out", "/support/nothing", "/support."):
        for method in ("GET", "POST"):
            client.send(method, path, 404)
    for path in (
        "/Activate/",
        "/activate?pin=good1",
        "/ACTIVATE",
        "/activate%23pin=good1",
        "/activate/undo",
        "/nothing",
    ):
        page = staff.send("GET", path, 404)
        assert "good1" not in page.source + str(page.all_headers)
        assert not page.headers("Set-Cookie")
    assert staff.get("/Support/", 308).location == "/support"
    assert staff.get("/support/sign-out", 303).location == "/support"
    assert client.get("/Activate/", 308).location == "/activate"


def test_what_both_have(client: PageClient, at_staff: Callable[[], PageClient]) -> None:
    staff = at_staff()
    assert staff.get("/", 302).location == "/support"
    assert client.get("/", 302).location == "/activate"
    for browser in (client, staff):
        for path in ("/healthz", "/readyz", "/favicon.ico", "/robots.txt"):
            with flask_client(browser).get(path, base_url=PUBLIC if browser is client else STAFF) as answer:
                assert answer.status_code == 200, path
    assert staff.get("/.well-known/change-password", 303).location == "/support/account/password"
    assert client.get("/.well-known/change-password", 303).location == "/sign-in/forgotten"


def test_pages_lead_to_pages_of_their_own_origin(client: PageClient, at_staff: Callable[[], PageClient]) -> None:
    for browser, ways in ((client, ["/activate", "/devices"]), (at_staff(), ["/support"])):
        home = ways[0]
        lost = browser.get("/nothing", 404)
        assert {str(link["href"]) for link in lost.select("a[href^='/']")} == set(ways)
        start = browser.get("/activate" if home == "/activate" else "/support/sign-in")
        token = start.select("[name=csrf_token]")[0]["value"]
        for path in ("/activate", "/support", "/devices", "/support/history", "/support/sign-in?next=/support", "/x"):
            sent = {"csrf_token": str(token), "language": "de", "next": path}
            leads = browser.send("POST", "/language", 303, data=sent).location or ""
            assert leads.startswith("/support") == (home == "/support"), (home, path, leads)


def test_an_agent_works_there_with_cookies_of_that_host(
    app: Flask, alice: Alice, at_staff: Callable[[], PageClient]
) -> None:
    alice.signs_in()
    bob = Bob(at_staff()).with_account(services_of(app)).signs_in()
    assert bob.page.text(".staff-name") == "bob Agent"
    http = flask_client(bob.browser)
    assert http.get_cookie("__Host-activate-staff", domain="support.example.com")
    assert not http.get_cookie("__Host-activate-staff", domain="tv.example.com")
    assert cookie(alice.browser, "__Host-activate")
    found = bob.browser.submit(bob.page, "/support", 303, who=seed.ALICE.id)
    viewer = bob.browser.follow(found)
    assert viewer.status == 200
    assert "form-action 'self'" in viewer.header("Content-Security-Policy")
    assert {urlsplit(str(link["href"])).netloc for link in viewer.select("a")} == {""}
    # The session of the one origin opens nothing at the other.
    alice.opens("/support", 404)


def test_hosts_are_judged_as_the_proxy_names_them(app: Flask) -> None:
    http = app.test_client()

    def status(path: str, host: str, **headers: str) -> int:
        with http.get(path, base_url=PUBLIC, headers={"Host": host, **headers}) as answer:
            return answer.status_code

    for host, expected in (
        *(("support.example.com", 303), ("SUPPORT.example.com:443", 303), ("tv.example.com", 404)),
        *(("support.example.com.evil.example", 400), ("support.example.com:80", 400), ("example.com", 400)),
    ):
        assert status("/support", host) == expected, host
        assert status("/support", "tv.example.com", **{"X-Forwarded-Host": host}) == expected, host
        assert status("/healthz", host) == 200, host


def test_the_identity_provider_sends_agents_back_there(
    make_app: Callable[..., Flask], at_staff: Callable[[], PageClient]
) -> None:
    with scripted_provider(RSAKey.generate_key(2048, auto_kid=True)) as provider:
        provider.metadata = {"end_session_endpoint": f"{provider.issuer}/logout"}
        values = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": SECRET}
        app = make_app(**{f"staff_oidc_{name}": value for name, value in values.items()})
        browser = PageClient(InProcess(app, STAFF), services_of(app).settings)
        sent = browser.get(link_to_provider(browser), 302).location or ""
        with app.test_request_context(base_url=STAFF):
            signed_out = end_session_url(Provider(services_of(app).settings), "/support/sign-in") or ""
    assert parse_qs(urlsplit(signed_out).query)["post_logout_redirect_uri"] == [f"{STAFF}/support/sign-in"]
    assert parse_qs(urlsplit(sent).query)["redirect_uri"] == [f"{STAFF}/support/sign-in/callback"]
