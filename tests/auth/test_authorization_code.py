"""Signing in at Zype's own page: authorization code with PKCE, and everything that can come back with the browser."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from flask import Flask

from portal.database.authorizations import LIFETIME, MAX_PER_BROWSER, authorizations
from portal.ledger.tables import ledger
from portal.sandbox import seed
from portal.sandbox.seed import Consumer
from portal.viewers.preferences import viewers
from tests.fixtures import services_of
from tests.harness.faulty_zype import answering, recording_calls
from tests.harness.internals import cookie, give_cookie, logged, outcomes, rows, session_rows
from tests.harness.markup import parsed
from tests.harness.page import Page, PageClient
from tests.harness.servers import free_port
from tests.harness.simulated_zype import SECONDS, SimulatedZype

CALLBACK = "/sign-in/code/callback"
METADATA = "/.well-known/oauth-authorization-server"
NOT_NOW = "Signing in does not work right now"
NOT_YET = "You are not signed in yet"


@pytest.fixture
def at_zype() -> Iterator[requests.Session]:
    """The browser as the login service sees it."""
    with requests.Session() as http:
        http.trust_env = False
        yield http


def authorization_url(browser: PageClient, next_path: str | None = None) -> str:
    """Press the button on the sign-in page; return where the browser is sent."""
    query = f"?{urlencode({'next': next_path})}" if next_path is not None else ""
    return browser.get(f"/sign-in/code{query}", 302).location or ""


def sign_in_at_zype(http: requests.Session, address: str, who: Consumer, button: str | None = None) -> str:
    """Sign in on the login service's own page; return the path that its redirect leads back to."""
    page = parsed(http.get(address, timeout=SECONDS).text)
    action = page.select("form")[0]["action"]
    parts = urlsplit(address)
    fields = {"email": who.email, "password": who.password} | ({button: "yes"} if button else {})
    answer = http.post(f"{parts.scheme}://{parts.netloc}{action}", fields, allow_redirects=False, timeout=SECONDS)
    assert answer.status_code == 303
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def with_query(path: str, **values: str | None) -> str:
    """Return a path with other values in its query; None takes a parameter out."""
    parts = urlsplit(path)
    query = {**dict(parse_qsl(parts.query)), **values}
    return f"{parts.path}?{urlencode({name: value for name, value in query.items() if value is not None})}"


def change_authorizations(app: Flask, **values: object) -> None:
    services_of(app).database.change(authorizations.update().values(**values))


def is_signed_in(browser: PageClient) -> bool:
    return browser.get("/activate").heading == "Link your TV"


def shows_not_yet(page: Page) -> bool:
    return page.heading == "Sign in to link your TV" and NOT_YET in page.text(".notice")


def test_the_authorization_request_has_a_challenge_and_no_secret(client: PageClient, sandbox: SimulatedZype) -> None:
    address = authorization_url(client)

    query = dict(parse_qsl(urlsplit(address).query))
    assert address.startswith(f"{sandbox.url}/oauth/authorize?")
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert len(query["state"]) >= 16
    assert query["redirect_uri"] == client.settings.public_url + CALLBACK
    assert not {"client_secret", "code_verifier"} & set(query)


def test_each_authorization_request_has_its_own_state_and_challenge(client: PageClient) -> None:
    first, second = (dict(parse_qsl(urlsplit(authorization_url(client)).query)) for _ in range(2))

    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


def test_the_callback_signs_the_viewer_in(client: PageClient, app: Flask, at_zype: requests.Session) -> None:
    back = client.get(sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE), 303)

    assert back.location == "/activate"
    assert "alice@example.com" in client.follow(back).text(".account")
    assert outcomes(app, "sign_in") == ["signed_in"]
    assert [row["consumer_id"] for row in rows(app, ledger)][-1] == seed.ALICE.id


def test_the_callback_stores_the_language(
    app: Flask, browse: Callable[..., PageClient], at_zype: requests.Session
) -> None:
    browser = browse(app, language="fr")
    browser.get(sign_in_at_zype(at_zype, authorization_url(browser), seed.ALICE), 303)

    assert rows(app, viewers) == [{"consumer_id": seed.ALICE.id, "language": "fr"}]


def test_the_callback_leads_to_the_page_that_was_opened(client: PageClient, at_zype: requests.Session) -> None:
    assert (
        client.get(sign_in_at_zype(at_zype, authorization_url(client, "/devices"), seed.ALICE), 303).location
        == "/devices"
    )


def test_the_token_request_has_the_verifier_and_the_same_redirect_uri(
    client: PageClient, sandbox: SimulatedZype, at_zype: requests.Session
) -> None:
    path = sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE)
    with recording_calls(sandbox) as calls:
        client.get(path, 303)

    fields = next(fields for path, fields in calls if path == "/oauth/token")
    assert fields["grant_type"] == "authorization_code"
    assert len(fields["code_verifier"]) >= 43
    assert fields["redirect_uri"] == client.settings.public_url + CALLBACK


def test_zype_gets_a_secret_with_any_characters_in_the_documented_form(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sandbox: SimulatedZype, at_zype: requests.Session
) -> None:
    # In a header Zype may or may not undo the form encoding that RFC 6749 asks for.
    secret = "a+b%41/:=&?#~\\\"'"
    sandbox.app.extensions["sandbox"].client_secret = secret
    browser = browse(make_app(zype_client_secret=secret))
    path = sign_in_at_zype(at_zype, authorization_url(browser), seed.ALICE)
    with recording_calls(sandbox) as calls:
        browser.get(path, 303)

    for path in ("/oauth/token", "/oauth/revoke"):
        fields = next(fields for called, fields in calls if called == path)
        assert (fields["client_id"], fields["client_secret"]) == (browser.settings.zype_client_id, secret)


def test_the_token_is_revoked_and_stored_nowhere(
    client: PageClient, app: Flask, sandbox: SimulatedZype, at_zype: requests.Session
) -> None:
    path = sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE)
    with recording_calls(sandbox) as calls, logged() as events:
        client.get(path, 303)

    revoked = [fields["token"] for path, fields in calls if path == "/oauth/revoke"]
    assert revoked
    assert sandbox.app.extensions["sandbox"].tokens._tokens == {}
    kept = str([session_rows(app), rows(app, ledger), events, cookie(client, "activate")])
    assert not [token for token in revoked if token in kept]


def test_the_session_contains_no_pending_authorization_afterwards(
    client: PageClient, at_zype: requests.Session
) -> None:
    before = cookie(client, "activate")
    client.get(sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE), 303)

    after = cookie(client, "activate") or ""
    assert after != before
    assert len(after) < 300


def test_the_pin_is_kept_through_the_sign_in(client: PageClient, at_zype: requests.Session) -> None:
    client.get("/activate?pin=good1", 303)
    address = authorization_url(client)
    assert "good1" not in address

    client.get(sign_in_at_zype(at_zype, address, seed.ALICE), 303)

    assert client.get("/activate").value("#pin") == "good1"


def test_a_sign_in_leads_to_no_other_path(
    app: Flask, browse: Callable[..., PageClient], at_zype: requests.Session, subtests: pytest.Subtests
) -> None:
    for path in ("//evil.example", "https://evil.example", "/\\evil.example", "/unknown", "\0", ""):
        with subtests.test(path=path):
            client = browse(app)
            callback = sign_in_at_zype(at_zype, authorization_url(client, path), seed.ALICE)
            assert client.get(callback, 303).location == "/activate"


def test_a_viewer_who_cancels_is_not_signed_in(client: PageClient, app: Flask, at_zype: requests.Session) -> None:
    client.get("/activate?pin=good1", 303)

    page = client.get(sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE, button="cancel"))

    assert shows_not_yet(page)
    assert not page.select_one("#pin-kept").has_attr("hidden")
    assert session_rows(app) == []


def test_a_changed_callback_signs_nobody_in(
    app: Flask, browse: Callable[..., PageClient], at_zype: requests.Session, subtests: pytest.Subtests
) -> None:
    changes: list[dict[str, str | None]] = [
        {"state": "another"},
        {"state": None},
        {"code": "another"},
        {"code": None},
        {"code": ""},
        {"code": "\0"},
        {"iss": "https://evil.example"},
        {"iss": ""},
        {"iss": None},
        {"error": "server_error", "error_description": "<script>alert(1)</script>"},
    ]
    for changed in changes:
        with subtests.test(changed=changed):
            client = browse(app)
            page = client.get(with_query(sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE), **changed))
            assert shows_not_yet(page)
            assert "alert(1)" not in page.source
            assert session_rows(app) == []
            assert set(outcomes(app, "sign_in")) <= {"wrong"}


def test_a_code_of_another_issuer_is_not_sent_to_ours(
    client: PageClient, sandbox: SimulatedZype, at_zype: requests.Session
) -> None:
    path = sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE)
    with recording_calls(sandbox) as calls:
        client.get(with_query(path, iss="https://evil.example"))

    assert "/oauth/token" not in [path for path, _ in calls]


def test_a_code_from_another_browser_signs_nobody_in(
    client: PageClient, app: Flask, browse: Callable[..., PageClient], at_zype: requests.Session
) -> None:
    path = sign_in_at_zype(at_zype, authorization_url(client), seed.MALLORY)
    victim = browse(app)
    authorization_url(victim)

    assert shows_not_yet(victim.get(path))
    assert not is_signed_in(victim)


def test_a_state_is_used_once_whether_its_code_was_right_or_wrong(
    app: Flask,
    browse: Callable[..., PageClient],
    sandbox: SimulatedZype,
    at_zype: requests.Session,
    subtests: pytest.Subtests,
) -> None:
    for code, status in ((None, 303), ("another", 200)):
        with subtests.test(code=code):
            client, thief = browse(app), browse(app)
            address = authorization_url(client)
            give_cookie(thief, "activate", cookie(client, "activate") or "")
            path = sign_in_at_zype(at_zype, address, seed.ALICE)
            path = with_query(path, code=code) if code else path
            client.get(path, status)
            before = rows(app, ledger)

            with recording_calls(sandbox) as calls:
                assert shows_not_yet(thief.get(path))
                assert shows_not_yet(thief.get(with_query(path, code="a-third")))

            assert not is_signed_in(thief)
            assert calls == []
            assert rows(app, ledger) == before


def test_a_state_expires(client: PageClient, app: Flask, at_zype: requests.Session) -> None:
    path = sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE)
    change_authorizations(app, created_at=datetime.now(UTC) - LIFETIME - timedelta(seconds=1))

    assert shows_not_yet(client.get(path))
    authorization_url(client)
    assert len(rows(app, authorizations)) == 1


def test_what_is_stored_of_an_authorization_has_no_secret(
    client: PageClient, app: Flask, sandbox: SimulatedZype, at_zype: requests.Session
) -> None:
    address = authorization_url(client)
    (pending,) = rows(app, authorizations)
    state = dict(parse_qsl(urlsplit(address).query))["state"]
    with recording_calls(sandbox) as calls:
        client.get(sign_in_at_zype(at_zype, address, seed.ALICE), 303)

    verifier = next(fields["code_verifier"] for path, fields in calls if path == "/oauth/token")
    (used,) = rows(app, authorizations)
    assert not [secret for secret in (state, verifier, "127.0.0.1") if secret in str([pending, used])]
    assert (used["content"], pending["used_at"]) == (None, None)
    assert used["used_at"]


def test_an_address_can_begin_only_so_many_sign_ins(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    app = make_app(limit_sign_in="1/15minutes")
    for number in range(10):
        # As many browsers as somebody likes: half of them keep no cookie.
        authorization_url(browse(app) if number % 2 else (client := browse(app)))
    with recording_calls(sandbox) as calls:
        page = client.get("/sign-in/code", 429)

    assert "Please wait before you try again" in page.summary
    assert 0 < int(page.header("Retry-After")) <= 900
    assert calls == []
    assert len(rows(app, authorizations)) == 10
    assert authorization_url(browse(app, address="192.0.2.7"))


def test_sign_ins_that_were_finished_do_not_count(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], at_zype: requests.Session
) -> None:
    app = make_app(limit_sign_in="1/15minutes")
    for _ in range(11):
        client = browse(app)
        client.get(sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE), 303)


@pytest.mark.parametrize("back", [{"error": "access_denied"}, {"code": "wrong"}])
def test_sign_ins_that_were_cancelled_or_failed_count(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sandbox: SimulatedZype, back: dict[str, str]
) -> None:
    app = make_app(limit_sign_in="1/15minutes")
    client = browse(app)
    for _ in range(10):
        state = dict(parse_qsl(urlsplit(authorization_url(client)).query))["state"]
        assert shows_not_yet(client.get(with_query(CALLBACK, state=state, iss=sandbox.url, **back)))
    with recording_calls(sandbox) as calls:
        page = client.get("/sign-in/code", 429)

    assert "Please wait before you try again" in page.summary
    assert calls == []
    assert len(rows(app, authorizations)) == 10


def test_callbacks_have_the_limit_of_their_address(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    app = make_app(limit_sign_in="1/15minutes")
    client = browse(app)
    state = dict(parse_qsl(urlsplit(authorization_url(client)).query))["state"]
    for number in range(10):
        # By another way to sign in.
        client.submit(client.get("/sign-in"), "/sign-in", 422, email=f"u{number}@example.com", password="wrong")
    with recording_calls(sandbox) as calls:
        page = client.get(with_query(CALLBACK, code="wrong", state=state, iss=sandbox.url), 429)

    assert "Please wait before you try again" in page.summary
    assert calls == []


def test_the_oldest_of_many_pending_authorizations_of_a_browser_is_dropped(
    client: PageClient, at_zype: requests.Session
) -> None:
    addresses = [authorization_url(client) for _ in range(MAX_PER_BROWSER + 1)]

    assert shows_not_yet(client.get(sign_in_at_zype(at_zype, addresses[0], seed.ALICE)))
    client.get(sign_in_at_zype(at_zype, addresses[1], seed.ALICE), 303)


def test_two_tabs_each_lead_to_the_page_that_they_came_from(client: PageClient, at_zype: requests.Session) -> None:
    first, second = authorization_url(client, "/devices"), authorization_url(client, "/activate")

    assert client.get(sign_in_at_zype(at_zype, first, seed.ALICE), 303).location == "/devices"
    assert second


def test_members_of_the_metadata_that_are_not_used_reach_no_request(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sandbox: SimulatedZype, at_zype: requests.Session
) -> None:
    valid = at_zype.get(sandbox.url + METADATA, timeout=SECONDS).json()
    # Authlib hands what it does not know on to requests and to the token request.
    changed = {"verify": False, "cert": "/nowhere", "proxies": {"http": "http://127.0.0.1:9"}, "scope": "everything"}
    changed |= {"token_endpoint_auth_method": "none", "default_timeout": 0.001, "state": "fixed", "redirect_uri": "x"}
    client = browse(make_app())
    with answering(sandbox, METADATA, 200, valid | changed):
        address = authorization_url(client)
    query = dict(parse_qsl(urlsplit(address).query))

    assert (query["scope"], query["state"] == "fixed") == ("consumer_profile.read", False)
    client.get(sign_in_at_zype(at_zype, address, seed.ALICE), 303)


def test_a_signed_in_viewer_is_led_on_from_every_callback(
    client: PageClient, app: Flask, sandbox: SimulatedZype, at_zype: requests.Session
) -> None:
    first, second = authorization_url(client, "/devices"), authorization_url(client, "/devices")
    path = sign_in_at_zype(at_zype, first, seed.ALICE)
    client.get(path, 303)
    other = with_query(sign_in_at_zype(at_zype, second, seed.ALICE), code=None, error="access_denied")
    before = rows(app, ledger)

    with recording_calls(sandbox) as calls:
        # A reload or Back, another tab's sign-in that comes later, one that was cancelled, and one that was made up.
        assert client.get(path, 303).location == "/devices"
        assert client.get(sign_in_at_zype(at_zype, second, seed.ALICE), 303).location == "/devices"
        assert client.get(other, 303).location == "/devices"
        assert client.get(f"{CALLBACK}?code=a&state=b", 303).location == "/activate"
        assert client.get("/sign-in/code?next=/devices", 303).location == "/devices"

    assert [path for path, _ in calls if "/oauth/a" not in path] == []
    assert rows(app, ledger) == before
    assert is_signed_in(client)


def test_a_browser_that_keeps_no_cookies_is_told_so_at_the_callback(
    client: PageClient, app: Flask, browse: Callable[..., PageClient], at_zype: requests.Session
) -> None:
    path = sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE)

    page = browse(app).get(path)

    assert "Your browser sent no cookie of this site" in page.text(".notice")
    assert session_rows(app) == []


def test_a_callback_without_an_authorization_request_signs_nobody_in(client: PageClient, app: Flask) -> None:
    assert shows_not_yet(client.get(CALLBACK))
    assert shows_not_yet(client.get(f"{CALLBACK}?code=a&state=b"))
    assert session_rows(app) == []


def test_many_authorization_requests_do_not_overflow_the_cookie(client: PageClient, at_zype: requests.Session) -> None:
    addresses = [authorization_url(client) for _ in range(40)]

    assert len(cookie(client, "activate") or "") < 3500
    client.get(sign_in_at_zype(at_zype, addresses[-1], seed.ALICE), 303)
    assert is_signed_in(client)


def test_two_tabs_can_sign_in_side_by_side(client: PageClient, at_zype: requests.Session) -> None:
    first, _ = authorization_url(client), authorization_url(client)

    client.get(sign_in_at_zype(at_zype, first, seed.ALICE), 303)
    assert is_signed_in(client)


def test_a_login_service_that_is_down_is_unavailable(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    browser = browse(make_app(zype_login_url=f"http://127.0.0.1:{free_port()}"))

    assert NOT_NOW in browser.get("/sign-in/code", 503).summary


@pytest.mark.parametrize("status", [500, 503, 404, 302])
def test_a_login_service_without_metadata_is_unavailable(
    client: PageClient, sandbox: SimulatedZype, status: int
) -> None:
    with answering(sandbox, METADATA, status):
        assert NOT_NOW in client.get("/sign-in/code", 503).summary


INVALID_METADATA: list[object] = [
    [],
    "text",
    None,
    {},
    {"issuer": "https://evil.example"},
    {"issuer": 5},
    {"authorization_endpoint": "https://evil.example/oauth/authorize"},
    {"token_endpoint": "https://evil.example/oauth/token"},
    {"token_endpoint": None},
]


def test_invalid_metadata_are_refused_until_they_are_corrected(
    client: PageClient, sandbox: SimulatedZype, at_zype: requests.Session, subtests: pytest.Subtests
) -> None:
    valid = at_zype.get(sandbox.url + METADATA, timeout=SECONDS).json()
    for metadata in INVALID_METADATA:
        with subtests.test(metadata=metadata):
            document = valid | metadata if isinstance(metadata, dict) and metadata else metadata
            with answering(sandbox, METADATA, 200, document):
                assert NOT_NOW in client.get("/sign-in/code", 503).summary

    assert authorization_url(client).startswith(sandbox.url)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_exchange_that_fails_is_not_the_viewer_s_fault(
    client: PageClient, app: Flask, sandbox: SimulatedZype, at_zype: requests.Session, status: int
) -> None:
    path = sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE)
    with answering(sandbox, "/oauth/token", status):
        page = client.get(path, 503)

    assert NOT_NOW in page.summary
    assert session_rows(app) == []
    assert outcomes(app, "sign_in") == ["unavailable"]


def test_a_response_without_a_token_signs_nobody_in(
    app: Flask,
    browse: Callable[..., PageClient],
    sandbox: SimulatedZype,
    at_zype: requests.Session,
    subtests: pytest.Subtests,
) -> None:
    for document in ({}, [], {"access_token": None}, {"access_token": 5}, {"access_token": ""}):
        with subtests.test(document=document):
            client = browse(app)
            path = sign_in_at_zype(at_zype, authorization_url(client), seed.ALICE)
            with answering(sandbox, "/oauth/token", 200, document):
                page = get_200_or_503(client, path)
            assert page.heading == "Sign in to link your TV"
            assert session_rows(app) == []
            assert outcomes(app, "sign_in")


def test_a_wrong_client_secret_is_an_error_for_the_operator(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], at_zype: requests.Session
) -> None:
    app = make_app(zype_client_secret="another-secret")
    browser = browse(app)
    path = sign_in_at_zype(at_zype, authorization_url(browser), seed.ALICE)

    with logged() as events:
        page = browser.get(path, 503)

    assert NOT_NOW in page.summary
    assert outcomes(app, "sign_in") == ["misconfigured"]
    assert [event["log_level"] for event in events if event["event"] == "zype_refused_our_client"] == ["error"]


def test_without_the_setting_both_addresses_lead_to_the_first_page(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], sandbox: SimulatedZype
) -> None:
    app = make_app(sign_in="password")
    with recording_calls(sandbox) as calls:
        assert browse(app).get("/sign-in/code", 303).location == "/activate"
        assert browse(app).get(f"{CALLBACK}?code=a&state=b", 303).location == "/activate"

    assert calls == []
    assert rows(app, ledger) == []


def get_200_or_503(browser: PageClient, path: str) -> Page:
    """Open a path whose page may come with 200 or 503."""
    answer = browser.transport.send("GET", path, {}, {"Accept-Language": "en"})
    assert answer.status in (200, 503)
    return Page(path, answer)
