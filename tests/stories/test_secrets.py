"""No secret is in a log, the database, a cookie, an address or a metric."""

import html
import random
import re
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import requests
from flask import Flask
from sqlalchemy import make_url

from portal.domain.actors import OPERATOR
from portal.sandbox import seed
from portal.sandbox.app import create_app
from portal.sandbox.server import serve_in_thread
from portal.sandbox.state import Sandbox
from portal.settings.settings import Settings
from tests.fixtures import services_of
from tests.harness.mail_servers import MailServer
from tests.harness.page import PageClient
from tests.harness.people import Alice, Supervisor
from tests.harness.servers import Port, Processes, free_port
from tests.harness.simulated_zype import APP_KEY, SimulatedZype
from tests.stories.leaks import RecordingBrowser, SecretSearch, decoded

API_KEY = "K7qApiKeyOfTheStories93"
CLIENT_SECRET = "S4wClientSecretOfTheStories61"
KEYS = {name: f"{name[:3]}{number}".lower() * 8 for number, name in enumerate(("SEC", "PRE", "LED"), 41727)}
WRONG_PASSWORD = "wrong-horse-battery-staple"
MAIL_PASSWORD = "m41l-password-of-the-stories"
OIDC_SECRET = "0idc-secret-of-the-stories"
# Kinds of PINs that make Zype answer in all ways that lead to a different page or log line.
KINDS = ("good", "used", "refused", "another", "http302", "http401", "http429", "http500", "html", "broken", "torn")


class RecordingRandom(random.SystemRandom):
    """The sandbox's randomness; it keeps a list of the tokens and authorization codes that it made."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[str] = []

    def getrandbits(self, k: int, /) -> int:
        """Return random bits; 256 of them are a token or a code."""
        number = super().getrandbits(k)
        if k == 256:
            self.tokens.append(f"{number:064x}")
        return number


@pytest.fixture
def randomness() -> RecordingRandom:
    """The source of the sandbox's tokens."""
    return RecordingRandom()


@pytest.fixture
def sandbox(port: Port, randomness: RecordingRandom) -> Iterator[SimulatedZype]:
    """A sandbox with unmistakable credentials."""
    state = Sandbox(
        api_key=API_KEY,
        client_id="client-of-the-stories",
        client_secret=CLIENT_SECRET,
        activate_url=f"{port.url}/activate",
        app_key=APP_KEY,
        randomness=randomness,
    )
    app = create_app(state)
    with serve_in_thread(app) as url, requests.Session() as http:
        http.trust_env = False
        yield SimulatedZype(http, url, app)


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server that requires a password."""
    server = MailServer(options={"auth_require_tls": False})
    server.options["authenticator"] = server.authenticate
    with server.serve_in_thread():
        yield server


@pytest.fixture
def environ(environ: dict[str, str], any_database_url: str, mail_server: MailServer) -> dict[str, str]:
    """All secrets are set, and metrics are exposed."""
    return environ | {
        "PORTAL_DATABASE_URL": any_database_url,
        "PORTAL_SECRET_KEY": KEYS["SEC"],
        "PORTAL_SECRET_KEY_PREVIOUS": KEYS["PRE"],
        "PORTAL_LEDGER_KEY": KEYS["LED"],
        "PORTAL_ZYPE_API_KEY": API_KEY,
        "PORTAL_ZYPE_CLIENT_ID": "client-of-the-stories",
        "PORTAL_ZYPE_CLIENT_SECRET": CLIENT_SECRET,
        "PORTAL_METRICS_BIND": f"127.0.0.1:{free_port()}",
        "PORTAL_SMTP_URL": f"smtp://activate:{MAIL_PASSWORD}@127.0.0.1:{mail_server.port}",
        "PORTAL_MAIL_FROM": "support@example.com",
        "PORTAL_STAFF_OIDC_ISSUER": f"http://127.0.0.1:{free_port()}",
        "PORTAL_STAFF_OIDC_CLIENT_ID": "console-of-the-stories",
        "PORTAL_STAFF_OIDC_CLIENT_SECRET": OIDC_SECRET,
        "PORTAL_LIMIT_VIEWER": "1000/15minutes",
        "PORTAL_ZYPE_READ_TIMEOUT": "2",
    }


def database_as_bytes(url: str) -> bytes:
    """Return the stored bytes of a database."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return b"".join(file.read_bytes() for file in Path(parsed.database or "").parent.glob("portal.db*"))
    conninfo = f"host={parsed.host} port={parsed.port} user={parsed.username} dbname={parsed.database}"
    with psycopg.connect(conninfo) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        tables = [psycopg.sql.SQL("SELECT * FROM {}").format(psycopg.sql.Identifier(name)) for (name,) in names]
        return "\n".join(str(row) for table in tables for row in connection.execute(table)).encode()


def signs_in_at_zype(viewer: Alice) -> None:
    """Sign in on the login service's own page."""
    address = viewer.browser.get("/sign-in/code", 302).location or ""
    with requests.Session() as http:
        http.trust_env = False
        page = http.get(address, timeout=5).text
        action = html.unescape(re.findall(r'<form method="post" action="([^"]+)"', page)[0])
        fields = {"email": seed.ALICE.email, "password": seed.ALICE.password}
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        back = urlsplit(http.post(f"{origin}{action}", fields, allow_redirects=False, timeout=5).headers["Location"])
    viewer.browser.get(f"{back.path}?{back.query}", 303)


def use_every_secret_of_a_viewer(viewer: Alice, sandbox: SimulatedZype) -> dict[str, str]:
    """Use every secret of a viewer's pages; return the PINs and passwords that were typed."""
    tvs = [sandbox.tv() for _ in range(5)]
    magic = [f"{kind}{number}" for number, kind in enumerate(KINDS, 7183046)]
    viewer.opens("/sign-in").signs_in(WRONG_PASSWORD, status=422)
    viewer.signs_in()
    viewer.types_pin(tvs[0].pin).undoes()
    for pin in magic:
        status = {"good": 303, "used": 422, "refused": 422, "another": 422}.get(re.sub(r"7183\d+$", "", pin), 503)
        viewer.opens("/activate").types_pin(pin, status)
    viewer.opens(f"/activate?pin={tvs[1].pin}", 303)
    viewer.browser.submit(viewer.page, "/activate", 303)
    viewer.sends_the_pin_of_a_link(tvs[2].pin).confirms()
    viewer.opens("/activate").types_pin("no pin at all 81649357204", 422)
    # A PIN in the wrong place.
    viewer.browser.send("POST", "/activate", 422, data={"pin": tvs[3].pin, "from": ""})
    viewer.browser.get(f"/activate/{tvs[3].pin}", 404)
    viewer.browser.get(f"/sign-in?next=/activate&pin={tvs[3].pin}", 303)
    viewer.browser.get(f"/Activate/%23PIN={tvs[3].pin}", 303)
    viewer.browser.send("PUT", "/activate", 405, data={"pin": tvs[3].pin})
    viewer.browser.send("POST", "/activate", 413, data={"pin": tvs[3].pin * 100_000})
    viewer.opens("/activate").signs_out()
    viewer.opens(f"/activate?pin={tvs[4].pin}", 303)
    signs_in_at_zype(viewer)
    pins = [tv.pin for tv in tvs] + magic + ["81649357204"]
    return {f"the PIN {pin}": pin for pin in pins} | {
        "a wrong password": WRONG_PASSWORD,
        "Alice's password": seed.ALICE.password,
    }


def use_every_secret_of_support(supervisor: Supervisor, sandbox: SimulatedZype) -> dict[str, str]:
    """Use every secret of the console: sign in, find, link, fail, unlink, read the history; return the typed PINs."""
    tvs = [sandbox.tv() for _ in range(3)]
    viewer_path = f"/support/viewers/{seed.ALICE.id}"
    reason_fields = {"reason": "other", "details": "What the caller said.", "ticket": "T-1", "identity_checked": "y"}
    # The provider can't be reached, which puts an error into the log.
    page = supervisor.browser.get("/support/sign-in")
    supervisor.browser.get(str(page.select_one('a[href^="/support/sign-in/provider"]')["href"]), 503)
    supervisor.gives_password(WRONG_PASSWORD, status=422).gives_password()
    # Six digits can occur anywhere by chance, so codes are not searched for; a wrong one uses none up.
    supervisor.gives_code("000000", status=422).gives_code()
    browser = supervisor.browser
    for who in (seed.ALICE.email, "nobody@example.com"):
        browser.submit(browser.get("/support"), "/support", 303 if who == seed.ALICE.email else 422, who=who)
    for pin, status in ((tvs[0].pin, 303), ("used7183990", 422), ("http5007183991", 503), ("http4017183992", 503)):
        page = browser.submit(browser.get(f"{viewer_path}/link"), f"{viewer_path}/link", 200, pin=pin, **reason_fields)
        browser.submit(page, f"{viewer_path}/link/confirm", status, button="Yes, link this TV")
    # A PIN in the wrong place.
    page = browser.get(f"{viewer_path}/link")
    browser.submit(
        page,
        f"{viewer_path}/link",
        422,
        pin=tvs[1].pin,
        **reason_fields | {"details": f"It says {tvs[1].pin}."},
    )
    browser.submit(page, f"{viewer_path}/link", 422, pin="used7183990", **reason_fields | {"reason": ""})
    browser.submit(browser.get("/support"), "/support", 422, who=tvs[2].pin)
    path = str(browser.get(viewer_path).select(f'a[href^="{viewer_path}/devices/"]')[0]["href"])
    browser.submit(browser.get(path), path, 303, **reason_fields)
    browser.get("/support/history")
    supervisor.opens("/support/account").signs_out_everywhere()
    pins = [*(tv.pin for tv in tvs), "used7183990", "http5007183991", "http4017183992"]
    return {f"the PIN {pin}, typed by support": pin for pin in pins}


def wait_for_mails(server: MailServer, count: int) -> None:
    """Wait until the mailer has sent this many mails."""
    end = time.monotonic() + 20
    while len(server.messages) < count:
        assert time.monotonic() < end, server.messages
        time.sleep(0.1)


@pytest.fixture
def search(
    app: Flask,
    mail_server: MailServer,
    processes: Processes,
    environ: dict[str, str],
    settings: Settings,
    sandbox: SimulatedZype,
    randomness: RecordingRandom,
) -> SecretSearch:
    """The data that a running portal stored, logged and sent, and the secrets that were used."""
    browser = RecordingBrowser(processes.url)
    services = services_of(app)
    supervisor = Supervisor(PageClient(browser, settings)).with_account(services)
    recovery = services.second_factor.renew_recovery_codes("supervisor", OPERATOR) or ()
    typed = use_every_secret_of_a_viewer(Alice(PageClient(browser, settings)), sandbox)
    typed |= use_every_secret_of_support(supervisor, sandbox)
    wait_for_mails(mail_server, 2)
    browser.session.close()
    with requests.Session() as http:
        http.trust_env = False
        metrics = http.get(f"http://{environ['PORTAL_METRICS_BIND']}/metrics", timeout=5).content
    secrets = {"the API key": API_KEY, "the client secret": CLIENT_SECRET, **typed}
    secrets |= {f"the key {name}": value for name, value in KEYS.items()}
    secrets |= {"the password of the mail server": MAIL_PASSWORD, "the provider's secret": OIDC_SECRET}
    secrets |= {"a password of the staff": supervisor.password, "the secret of a phone": supervisor.secret}
    secrets |= {f"recovery code {number}": code for number, code in enumerate(recovery)}
    secrets |= {f"token {number}": token for number, token in enumerate(randomness.tokens)}
    return SecretSearch(
        {
            "the database": database_as_bytes(environ["PORTAL_DATABASE_URL"]),
            "a cookie": b"\n".join(decoded(cookie) for cookie in browser.cookies),
            "an address": "\n".join(browser.addresses).encode(),
            "the metrics": metrics,
            "the log": processes.log().encode(),
        },
        secrets,
    )


def test_no_secret_is_stored_or_logged(search: SecretSearch) -> None:
    assert search.leaks() == []
    # An email address is not secret, and sessions contain it; logs, page addresses and metrics must not.
    for place in ("the log", "an address", "the metrics"):
        assert seed.ALICE.email.encode() not in search.places[place]

    # The search looked at real data: each place contains what it should contain.
    for place, known in {
        "the database": seed.ALICE.id,
        "a cookie": "csrf_token",
        "an address": "/support/viewers/",
        "the metrics": 'outcome="linked"',
        "the log": "/support/sign-in/provider",
    }.items():
        assert known.encode() in search.places[place], place
    assert len([name for name in search.secrets if name.startswith("token")]) >= 5


@pytest.mark.parametrize("write", [str, quote, lambda text: text.encode().hex(), lambda text: f'{{"a": "{text}"}}'])
def test_the_search_finds_a_secret_in_every_encoding(write: Callable[[str], str]) -> None:
    for place in ("the log", "the database"):
        search = SecretSearch({place: b"before " + write(API_KEY).encode() + b" after"}, {"the API key": API_KEY})
        assert search.leaks() == [f"the API key in {place}"]


def test_the_search_decodes_a_cookie() -> None:
    for packed in (b'{"pin": "zizm529"}', zlib.compress(b'{"pin": "zizm529"}')):
        cookie = "activate=." + b64encode(packed, b"-_").rstrip(b"=").decode() + ".YXNpZ25hdHVyZQ; Path=/"
        assert b"zizm529" in decoded(cookie)
