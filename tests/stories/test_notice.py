"""An agent links a TV, and the viewer gets a mail a moment later, with the processes that an operator runs."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from portal.sandbox import seed
from portal.settings.settings import Settings
from tests.harness import servers
from tests.harness.commands import fork_with
from tests.harness.markup import parsed
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.servers import Port, Processes, sandbox_addresses
from tests.harness.simulated_zype import TV
from tests.harness.staff import sign_in_staff
from tests.harness.timing import wait_until
from tests.harness.transports import OverHTTP
from tests.support.conftest import Bob

SECONDS = 20.0


@pytest.fixture
def environ(port: Port, sqlite_url: str) -> dict[str, str]:
    """A portal that starts a sandbox and a mailer."""
    return {
        "PORTAL_SECRET_KEY": "5ec4e7" * 11,
        "PORTAL_BIND": port.bind,
        "PORTAL_DATABASE_URL": sqlite_url,
        "PORTAL_MAIL_FROM": "support@example.com",
        "PORTAL_METRICS_BIND": f"127.0.0.1:{servers.free_port()}",
        **sandbox_addresses(),
    }


@pytest.fixture
def serve(environ: dict[str, str], port: Port, tmp_path: Path) -> Iterator[Processes]:
    """The portal, its sandbox and its mailer, which looks for notices often."""
    often = fork_with({"portal.mail.mailer.POLL_SECONDS": 0.1})
    with servers.processes(environ, port, tmp_path, start=often) as serve:
        yield serve


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """A client that ignores the environment's proxies."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def over_http(serve: Processes, settings: Settings) -> Iterator[Callable[[], PageClient]]:
    """Return a function that makes a browser."""
    made: list[OverHTTP] = []

    def make() -> PageClient:
        made.append(OverHTTP(serve.url))
        return PageClient(made[-1], settings)

    yield make
    for transport in made:
        transport.session.close()


@pytest.fixture
def bob(app: Flask, browse: Callable[..., PageClient], over_http: Callable[[], PageClient]) -> Bob:
    """Bob, with a session that was written into the database."""
    browser = over_http()
    assert isinstance(browser.transport, OverHTTP)
    browser.transport.session.cookies.set("activate-staff", sign_in_staff(app, browse(app)))
    return Bob(browser)


def mails(http: requests.Session, environ: dict[str, str], count: int) -> list[dict[str, Any]]:
    """Return the mails that the sandbox received, as soon as there are this many."""
    deadline = time.monotonic() + SECONDS
    found: list[dict[str, Any]] = []
    while len(found) < count:
        assert time.monotonic() < deadline, f"There are {len(found)} mails instead of {count}"
        time.sleep(0.05)
        found = http.get(f"{environ['PORTAL_ZYPE_API_URL']}/mail.json", timeout=5).json()
    return found


def test_the_viewer_gets_a_mail_after_an_agents_link_and_after_a_link_from_a_new_address(
    over_http: Callable[[], PageClient], bob: Bob, serve: Processes, environ: dict[str, str], http: requests.Session
) -> None:
    tvs = [TV(http, environ["PORTAL_ZYPE_API_URL"], f"tv-{number}") for number in range(4)]
    alice = Alice(over_http()).signs_in().types_pin(tvs[0].pin)
    bob.links(tvs[1].pin)
    mails(http, environ, 2)
    bob.undoes_link()
    mails(http, environ, 3)
    alice.opens("/activate").types_pin(tvs[2].pin)
    assert tvs[2].is_linked()
    # Mails are sent in turn, so one for a known address would come before this.
    bob.links(tvs[3].pin)
    found = mails(http, environ, 4)

    assert [mail["subject"].partition(": ")[2] for mail in found] == [
        "a TV was linked to your account from a new place",
        "our support team linked a TV to your account",
        "our support team unlinked a TV from your account",
        "our support team linked a TV to your account",
    ]
    assert {tuple(mail["to"]) for mail in found} == {(seed.ALICE.email,)}
    assert f"{serve.url}/devices" in found[1]["text"]
    assert not [tv.pin for tv in tvs if tv.pin in str(found)]

    page = parsed(http.get(f"{environ['PORTAL_ZYPE_API_URL']}/mail", timeout=5).text)
    assert [heading.text for heading in page.select("article h2")] == [mail["subject"] for mail in found][::-1]

    def metrics() -> str:
        return http.get(f"http://{environ['PORTAL_METRICS_BIND']}/metrics", timeout=5).text

    # The sandbox may show the last mail before the mailer has heard that it was taken.
    wait_until(lambda: 'portal_notices_total{result="sent"} 4.0' in metrics(), "all mails are counted")
    wait_until(lambda: serve.log().count('"event": "notice_sent"') == 4, "all mails are logged")
    assert seed.ALICE.email not in serve.log()
