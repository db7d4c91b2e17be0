"""Staff sign in with npm's oidc-provider: a second real provider, which keeps closer to the standards than most."""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask

from portal.commands.check import findings
from portal.database.sessions import sessions
from portal.domain.actors import Role
from portal.sandbox import seed
from portal.settings.environment import variable
from portal.settings.loading import load
from tests.auth.test_signatures import KEYS
from tests.deployment.oidc_browser import SECONDS, Browser
from tests.fixtures import services_of
from tests.harness.internals import logged, outcomes, session_rows
from tests.harness.page import PageClient
from tests.harness.programs import need, need_file
from tests.harness.servers import Port
from tests.staff_auth.oidc.provider_browser import CALLBACK, authorization_url, query_of

FOLDER = Path(__file__).parent / "oidc_provider"
PORTAL = "http://127.0.0.1:8000"
ALGORITHMS = ("RS256", "PS256", "ES256", "ES512", "EdDSA", "Ed25519")
METHODS = ("client_secret_basic", "client_secret_post")
# What form encoding, Basic and a URL each take for something else.
SECRET = "a+b%41/:=&?#~*made-up"
PEOPLE = {
    "bob": {"name": "Bob", "email": "bob@example.com", "groups": ["other", "support"]},
    "mallory": {"name": "Mallory", "groups": ["viewers"]},
}


class Provider:
    """The running provider, with a client for each algorithm and each way to send the secret."""

    def __init__(self, callback: str) -> None:
        # `make test-deployment` installs it, where there is npm.
        need_file(FOLDER / "node_modules" / "oidc-provider")
        self.port = Port()
        self.issuer = self.port.url
        command = [need("node"), FOLDER / "provider.mjs"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.port.close()
        self._process = subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload]
        self._process.stdin.write(json.dumps(self._settings(callback)) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "listening\n"

    def _settings(self, callback: str) -> dict[str, Any]:
        names = {key.kid: name for name, key in KEYS.items() if name in ALGORITHMS}
        common = {"redirect_uris": [callback], "grant_types": ["authorization_code"], "response_types": ["code"]}
        common |= {"client_secret": SECRET, "post_logout_redirect_uris": [urljoin(callback, "/support/sign-in")]}
        clients = [
            {
                "client_id": f"{name}+{method}",
                "id_token_signed_response_alg": name,
                "token_endpoint_auth_method": method,
            }
            for name in ALGORITHMS
            for method in METHODS
        ]
        return {
            "issuer": self.issuer,
            "port": urlsplit(self.issuer).port,
            "clients": [{**client, **common} for client in clients],
            "keys": [{**KEYS[name].as_dict(private=True), "use": "sig"} for name in names.values()],
            "algorithms": ALGORITHMS,
            "people": PEOPLE,
        }

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(SECONDS)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """The provider, once for this module."""
    provider = Provider(PORTAL + CALLBACK)
    yield provider
    provider.close()


@pytest.fixture
def environ(environ: dict[str, str], provider: Provider) -> dict[str, str]:
    """The settings of a portal that knows the provider, whose groups are roles."""
    settings = {
        "issuer": provider.issuer,
        "client_id": f"Ed25519+{METHODS[0]}",
        "client_secret": SECRET,
        "role_claim": "groups",
        "agent_role": "support",
        "supervisor_role": "support-leads",
    }
    known = {variable(f"staff_oidc_{name}"): value for name, value in settings.items()}
    return environ | known | {"PORTAL_PUBLIC_URL": PORTAL}


@pytest.fixture
def at_provider() -> Iterator[Browser]:
    """A browser at the provider."""
    browser = Browser()
    yield browser
    browser.http.close()


def test_every_client_signs_in_and_leaves_nothing_in_the_log(
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    environ: dict[str, str],
    at_provider: Browser,
    subtests: pytest.Subtests,
) -> None:
    for method in METHODS:
        for name in ALGORITHMS:
            with subtests.test(algorithm=name, method=method):
                app = make_app(staff_oidc_client_id=f"{name}+{method}")
                browser = browse(app)
                count = len(session_rows(app))
                with logged() as events:
                    browser.get(at_provider.sign_in(authorization_url(browser), "bob"), 303)
                account = services_of(app).agents.find("oidc:bob")
                assert account is not None
                # The ID token of this provider has neither: they come from userinfo.
                assert (account.name, account.role, account.email) == ("Bob", Role.AGENT, "bob@example.com")
                assert len(session_rows(app)) == count + 1
                assert [event for event in events if event["log_level"] != "info"] == []


def test_check_accepts_the_right_secret_and_no_other(environ: dict[str, str]) -> None:
    def found(**settings: str) -> str:
        given = environ | {variable(name): value for name, value in settings.items()}
        [finding] = [finding for finding in findings(load(given)) if "staff" in finding.text]
        return str(finding)

    for method in METHODS:
        assert found(staff_oidc_client_id=f"RS256+{method}").startswith("ok    staff's identity provider: ")
    wrong = found(staff_oidc_client_secret=SECRET + "+")
    assert wrong == "FAIL  staff's identity provider: token: status 401, invalid_client"


def test_whoever_has_no_role_can_sign_out_there_and_use_another_account(
    client: PageClient, app: Flask, at_provider: Browser
) -> None:
    with logged() as events:
        page = client.get(at_provider.sign_in(authorization_url(client), "mallory"), 403)
    [event] = [event for event in events if event["event"] == "staff_sign_in_refused"]
    assert event["error"] == "role: the claim groups has neither of the two roles"
    assert event["actor_id"] == "oidc:mallory"

    link = str(page.select_one('a[href^="/support/sign-out/provider"]')["href"])
    back = at_provider.sign_out(client.get(link, 302).location or "")
    assert back.startswith(f"{PORTAL}/support/sign-in")
    # This provider knows no prompt=select_account, and does not say so before it is asked.
    url = client.get(at_provider.sign_in(authorization_url(client), "bob"), 302).location or ""
    client.get(at_provider.sign_in(url, "bob"), 303)

    assert outcomes(app, "sign_in") == ["refused", "signed_in"]


def test_a_step_up_can_be_cancelled_and_done(client: PageClient, app: Flask, at_provider: Browser) -> None:
    client.get(at_provider.sign_in(authorization_url(client), "bob"), 303)
    path = f"/support/viewers/{seed.ALICE.id}/unlink-all"
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    services_of(app).database.change(sessions.update().values(authenticated_at=long_ago))
    url = authorization_url(client, again=True, next_path=path)
    assert query_of(url)["prompt"] == "login"

    cancelled = client.get(at_provider.cancel(url), 303)
    assert cancelled.location == path
    assert client.get("/support/account").text(".staff-name") == "Bob Agent"
    done = client.get(at_provider.sign_in(authorization_url(client, again=True, next_path=path), "bob"), 303)

    assert done.location == path
    assert outcomes(app, "sign_in") == ["signed_in", "refused", "signed_in"]
    assert len(session_rows(app)) == 1


def test_who_cancels_the_sign_in_is_told_so(client: PageClient, at_provider: Browser) -> None:
    with logged() as events:
        page = client.get(at_provider.cancel(authorization_url(client)))

    assert page.heading == "You are not signed in"
    [event] = [event for event in events if event["event"] == "staff_sign_in_refused"]
    assert event["error"] == "authorization: it says access_denied"
