"""Hand-off sign-in: the operator's site sends a browser here with a signed token, good once and for a minute."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine
from flask import Flask
from joserfc import jwt

from portal.database.used_tokens import used_tokens
from portal.sandbox import seed
from tests.fixtures import MakeServices
from tests.harness.environment import live_environ
from tests.harness.internals import cookie, logged, outcomes, rows, session_rows
from tests.harness.markup import parsed
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice, Mallory
from tests.harness.rsa_keys import rsa_key
from tests.harness.simulated_zype import SimulatedZype

PATH = "/sign-in/handoff"
KEY = "0f1e2d3c4b5a6978" * 2
ISSUER = "https://www.example.com"
SITE = "https://www.example.com/activate-a-tv"
Claims = dict[str, Any]


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A portal that shares a key with the operator's site."""
    return environ | {
        "PORTAL_SIGN_IN": "handoff",
        "PORTAL_HANDOFF_KEY": KEY,
        "PORTAL_HANDOFF_ISSUER": ISSUER,
        "PORTAL_HANDOFF_URL": SITE,
    }


@pytest.fixture
def claims(client: PageClient) -> Callable[..., Claims]:
    """Return a maker of claims: those of a good token, with changes; None leaves one out."""

    def make(**changes: Any) -> Claims:
        now = time.time()
        good = {
            "iss": ISSUER,
            "aud": client.settings.public_url,
            "iat": int(now),
            "exp": int(now) + 60,
            "jti": base64.b16encode(time.time_ns().to_bytes(8, "big")).decode(),
            "sub": seed.ALICE.id,
            "email": seed.ALICE.email,
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    return make


def signed(claims: Claims, key: str = KEY, digest: str = "sha256", **header: Any) -> str:
    """Return a token, which may be one that a library refuses to make."""
    text = f"{encoded({'alg': 'HS256', 'typ': 'JWT'} | header)}.{encoded(claims)}"
    return f"{text}.{base64url(hmac.digest(key.encode(), text.encode(), digest))}"


def encoded(document: Any) -> str:
    return base64url(json.dumps(document).encode())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hands_over(browser: PageClient, token: str, status: int = 303, origin: str | None = ISSUER, **fields: str) -> Page:
    """Post a token as a page of the operator's site does."""
    headers = {"Sec-Fetch-Site": "cross-site"} | ({"Origin": origin} if origin else {})
    return browser.send("POST", PATH, status, data={"token": token, **fields}, headers=headers)


def test_the_only_way_to_sign_in_is_the_button(client: PageClient) -> None:
    page = client.get("/activate")
    assert page.select_one("main a.button--primary")["href"] == SITE
    assert not page.select("main form")


def test_it_is_offered_beside_the_other_ways(make_app: Callable[..., Flask], browse: Callable[..., PageClient]) -> None:
    page = browse(make_app(sign_in="password,handoff")).get("/sign-in?next=/devices")
    assert page.select_one("main a.button--secondary")["href"] == SITE
    assert page.select("main form")


def test_a_good_token_signs_in(client: PageClient, claims: Callable[..., Claims], app: Flask) -> None:
    page = hands_over(client, signed(claims()))
    assert page.location == "/activate"
    assert seed.ALICE.email in client.follow(page).text(".account")
    assert outcomes(app, "sign_in") == ["signed_in"]
    assert {row["principal_id"] for row in session_rows(app)} == {seed.ALICE.id}
    assert hands_over(client, signed(claims()), next="/devices").location == "/devices"
    assert hands_over(client, signed(claims()), next="https://mallory.example").location == "/activate"


def test_a_browser_that_keeps_no_cookie_is_told_so_when_the_site_sends_it_back(
    client: PageClient, claims: Callable[..., Claims], browse: Callable[..., PageClient], app: Flask
) -> None:
    def is_told(path: str = "/activate", referrer: str = f"{ISSUER}/") -> bool:
        page = browse(app).get(path, headers={"Referer": referrer})
        return "Your browser sent no cookie of this site" in page.text("main")

    assert not is_told(), "a first visit by a link of the site"
    hands_over(client, signed(claims(aud="https://other.example")), 400)
    assert not is_told(), "nobody was signed in"
    hands_over(client, signed(claims()))
    assert is_told()
    assert is_told("/sign-in?next=/devices", referrer=SITE)
    for referrer in ("https://mallory.example/", "https://[", ""):
        assert not is_told(referrer=referrer), referrer
    assert client.get("/activate", headers={"Referer": f"{ISSUER}/"}).select(".account"), "this one keeps it"
    with time_machine.travel(time.time() + 61):
        assert not is_told(), "who signed in then is somebody else"


def test_name_and_e_mail_come_from_the_token_or_else_from_zype(
    client: PageClient, claims: Callable[..., Claims], sandbox: SimulatedZype
) -> None:
    for changes, label in (
        ({"email": "alice@new.example", "name": "A"}, "alice@new.example"),
        ({"email": None, "name": "Alice <b>"}, "Alice <b>"),
        ({"email": "", "name": None}, seed.ALICE.email),
        ({"email": None, "sub": "5" * 24}, "your account"),
    ):
        assert label in client.follow(hands_over(client, signed(claims(**changes)))).text(".account")


def test_the_pin_of_a_token_counts_as_filled_in(client: PageClient, claims: Callable[..., Claims], app: Flask) -> None:
    page = client.follow(hands_over(client, signed(claims(pin="Good-7"))))
    assert page.value("#pin") == "good7"
    assert "good7" not in (cookie(client, "activate-pin") or "good7")
    compared = client.submit(page, "/activate", 303)
    assert compared.location == "/activate/compare"
    assert client.submit(client.follow(compared), "/activate/confirm", 303).location == "/activate/done"
    assert outcomes(app) == ["linked"]


def test_a_damaged_pin_is_said_and_the_viewer_is_signed_in(client: PageClient, claims: Callable[..., Claims]) -> None:
    page = client.follow(hands_over(client, signed(claims(pin="!?"))))
    assert page.value("#pin") == ""
    assert page.select(".notice--warning")


def refused_tokens(claims: Callable[..., Claims]) -> Iterator[tuple[str, str]]:
    """Yield tokens that sign nobody in, each with a name."""
    now, good = int(time.time()), claims()
    body = encoded(good)
    rsa = rsa_key()
    yield "nothing", ""
    yield "no token", "x"
    yield "two parts", ".".join(signed(good).split(".")[:2])
    yield "four parts", signed(good) + ".x"
    yield "no signature", signed(good).rpartition(".")[0] + "."
    yield "another body", ".".join((signed(good).split(".")[0], body, signed(claims(sub="5" * 24)).split(".")[2]))
    yield "another key", signed(good, "f" * 32)
    for name in ("none", "None", "NONE", "nOnE"):
        yield f"alg {name}", f"{encoded({'alg': name, 'typ': 'JWT'})}.{body}."
        yield f"alg {name} with a signature", f"{encoded({'alg': name})}.{body}.eA"
    yield "HS512", signed(good, digest="sha512", alg="HS512")
    yield "RS256", jwt.encode({"alg": "RS256"}, good, rsa)
    yield "an unknown critical header", signed(good, crit=["x"], x=1)
    yield "an unencoded payload", signed(good, crit=["b64"], b64=False)
    yield "a header that is no object", f"{encoded(['HS256'])}.{body}.eA"
    yield "no alg", f"{encoded({'typ': 'JWT'})}.{body}.eA"
    yield "a deep header", f"{base64url(b'[' * 2000)}.{body}.eA"
    yield "kid is a number", signed(good, kid=7)
    yield "too long", signed(claims(name="a" * 5000))
    for name in ("iss", "aud", "exp", "iat", "jti", "sub"):
        yield f"no {name}", signed(claims(**{name: None}))
        for value in (7, True, [], {}, "", ["a"], "\u0000", "x\ny"):
            if name != "iat" or value != 7:
                yield f"{name} is {value!r}", signed(claims(**{name: value}))
    for value in (float("nan"), float("inf")):
        yield f"exp is {value}", signed(claims(exp=value))
    for name, value in (
        *(("iss", "https://mallory.example"), ("iss", ISSUER + "/"), ("iss", [ISSUER])),
        *(("aud", "https://mallory.example"), ("aud", good["aud"] + "/"), ("aud", [good["aud"], "https://b.example"])),
        *(("exp", now - 6), ("exp", now + 70), ("exp", now + 3600), ("exp", str(now + 50)), ("exp", 1e308)),
        *(("iat", now + 30), ("iat", str(now)), ("nbf", now + 30), ("nbf", "0")),
        *(("jti", "a" * 201), ("jti", "a b"), ("jti", "é")),
        *(("sub", "../consumers"), ("sub", "a" * 65), ("sub", "a b"), ("sub", "a?b"), ("sub", 5)),
        *(("name", 7), ("name", "a" * 201), ("name", "a\x00"), ("name", "\ud800"), ("name", ["A"])),
        *(("email", 7), ("email", "a" * 255), ("email", "a\r\nBcc: b"), ("email", {})),
        *(("pin", 7), ("pin", 1234567), ("pin", "a" * 201), ("pin", "g\x00od1"), ("pin", ["good1"])),
    ):
        yield f"{name} is {value!r}"[:60], signed(claims(**{name: value}))


def test_every_other_token_is_refused_with_a_plain_page(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], claims: Callable[..., Claims]
) -> None:
    app = make_app(limit_sign_in="10000/minute")
    browser = browse(app)
    # The clock stands still: the edges of a token's time pass by on a busy machine.
    with logged() as events, time_machine.travel(time.time(), tick=False):
        tokens = dict(refused_tokens(claims))
        for name, token in tokens.items():
            page = hands_over(browser, token, 400)
            assert page.heading == "You are not signed in yet", name
            assert not page.headers("Set-Cookie"), name
            assert not page.select("form"), name
    assert outcomes(app, "sign_in") == ["wrong"] * len(tokens)
    assert (session_rows(app), rows(app, used_tokens), outcomes(app)) == ([], [], [])
    refused = [event for event in events if event["event"] == "handoff_refused"]
    assert len(refused) == len(tokens)
    assert not any("eyJ" in str(event) or seed.ALICE.email in str(event) for event in events)


def test_a_token_at_the_edges_of_its_time_is_accepted(client: PageClient, claims: Callable[..., Claims]) -> None:
    now = int(time.time())
    for changes in (
        *({"exp": now - 3}, {"exp": now + 63}, {"iat": now + 3}, {"iat": now - 3000}, {"exp": now + 30.5}),
        {"nbf": now, "name": None, "pin": None, "more": {"of": "this"}},
        {"aud": [client.settings.public_url]},
    ):
        issued = {"iat": now - 10} if "exp" in changes else {}
        hands_over(client, signed(claims(**issued | changes), kid="any", x="more"))


def test_a_token_is_good_once(client: PageClient, claims: Callable[..., Claims], app: Flask) -> None:
    good = claims()
    hands_over(client, signed(good))
    hands_over(client, signed(good), 400)
    # Another token with the same id.
    hands_over(client, signed(good | {"sub": "5" * 24}), 400)
    assert outcomes(app, "sign_in") == ["signed_in", "wrong", "wrong"]
    assert good["jti"] not in str(rows(app, used_tokens))


def test_a_token_is_used_by_one_of_several_workers(any_database_url: str, make_services: MakeServices) -> None:
    workers = [make_services(database_url=any_database_url) for _ in range(4)]
    with ThreadPoolExecutor(8) as threads:
        used = list(threads.map(lambda number: workers[number % 4].used_tokens.use("the-id"), range(8)))
    assert sorted(used) == [False] * 7 + [True]
    assert workers[0].used_tokens.use("another-id")


def test_used_tokens_are_deleted_once_nobody_can_use_them(any_database_url: str, make_services: MakeServices) -> None:
    services = make_services(database_url=any_database_url)
    assert services.used_tokens.use("old")
    with services.database.write() as connection:
        expired = services.database.now(connection).replace(year=2000)
        connection.execute(used_tokens.update().values(expires_at=expired))
    assert services.used_tokens.use("new")
    with services.database.read() as connection:
        assert len(connection.execute(used_tokens.select()).all()) == 1


def test_only_the_operator_s_pages_can_send_a_token(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], claims: Callable[..., Claims]
) -> None:
    browser = browse(make_app(handoff_issuer="the-site", handoff_url="https://www.Example.com:443/tv?a=1"))
    for origin, status in (
        # Old browsers send none.
        *((None, 303), ("https://www.example.com", 303)),
        *(("null", 400), ("https://mallory.example", 400), ("http://www.example.com", 400)),
        *(("https://www.example.com:444", 400), ("https://www.example.com.mallory.example", 400), ("://", 400)),
    ):
        hands_over(browser, signed(claims(iss="the-site")), status, origin)


def test_mallory_cannot_sign_alice_s_browser_in_to_her_account(alice: Alice, claims: Callable[..., Claims]) -> None:
    hands_over(alice.browser, signed(claims()))
    hers = signed(claims(sub=seed.MALLORY.id, email=seed.MALLORY.email))
    hands_over(alice.browser, hers, 400, "https://mallory.example")
    assert seed.ALICE.email in alice.opens("/activate").page.text(".account")


def test_another_viewer_s_pin_is_forgotten(mallory: Mallory, claims: Callable[..., Claims]) -> None:
    browser = mallory.browser
    hands_over(browser, signed(claims(sub=seed.MALLORY.id, email=seed.MALLORY.email, pin="good1")))
    # The cookie came along, as it does if the two sites are one for the browser.
    assert browser.follow(hands_over(browser, signed(claims()))).value("#pin") == ""


def test_a_session_has_a_new_id_each_time(client: PageClient, claims: Callable[..., Claims], app: Flask) -> None:
    client.get("/activate")
    before = cookie(client, "activate")
    hands_over(client, signed(claims()))
    first = session_rows(app)[0]["id_hash"]
    hands_over(client, signed(claims()))
    assert cookie(client, "activate") != before
    assert [row["id_hash"] for row in session_rows(app)] != [first]


def test_refused_tokens_have_the_limit_of_the_address(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], claims: Callable[..., Claims]
) -> None:
    app = make_app(limit_sign_in="1/15minutes")
    browser = browse(app, address="192.0.2.7")
    for _ in range(10):
        hands_over(browser, "rubbish", 400)
    for _ in range(3):
        page = hands_over(browser, signed(claims()), 429)
        assert int(page.header("Retry-After")) > 0
        assert not page.headers("Set-Cookie")
    assert outcomes(app, "sign_in") == ["wrong"] * 10 + ["too_many"]
    hands_over(browse(app, address="192.0.2.8"), signed(claims()))


def test_where_it_is_no_way_to_sign_in_a_token_does_nothing(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], claims: Callable[..., Claims]
) -> None:
    app = make_app(sign_in="password")
    browser = browse(app)
    assert SITE not in browser.get("/activate").source
    assert hands_over(browser, signed(claims())).location == "/activate"
    assert (session_rows(app), outcomes(app, "sign_in")) == ([], [])


def test_in_live_mode_no_band_says_that_this_is_the_sandbox(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], environ: dict[str, str]
) -> None:
    environ.update(live_environ(environ))
    page = browse(make_app()).get("/activate")
    assert not page.select(".sandbox-band")
    page = browse(make_app(mode="sandbox")).get("/nothing", 404)
    assert not page.select(".sandbox-band a"), "who is elsewhere can't open the sandbox"
    page = browse(make_app(mode="sandbox", sandbox_public="no")).get("/nothing", 404)
    assert page.select_one(".sandbox-band a")["href"] == environ["PORTAL_ZYPE_API_URL"]


def test_a_get_leads_to_the_ways_to_sign_in(client: PageClient) -> None:
    assert client.get(PATH, 303).location == "/sign-in"


def test_the_sandbox_s_video_service_hands_alice_over(
    sandbox: SimulatedZype, make_app: Callable[..., Flask], browse: Callable[..., PageClient], environ: dict[str, str]
) -> None:
    for name in [name for name in environ if "HANDOFF" in name]:
        del environ[name]
    browser = browse(make_app())
    link = str(browser.get("/activate").select_one("main a.button--primary")["href"])
    assert link == f"{sandbox.url}/video-service"
    answer = sandbox.app.test_client().get("/video-service")
    assert answer.headers["Referrer-Policy"] == "strict-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    form = parsed(answer.text).select_one("form")
    assert form["action"] == browser.settings.public_url + PATH
    page = hands_over(browser, str(form.select_one("[name=token]")["value"]), origin=sandbox.url)
    assert seed.ALICE.email in browser.follow(page).text(".account")
