"""Three portals on one PostgreSQL and Redis, behind nginx: one is killed and one upgraded, and nothing is lost."""

import http.client
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from portal.database.migration import upgrade
from portal.domain.outcomes import Action, Outcome
from portal.ledger.tables import ledger
from portal.mail.outbox import outbox
from tests.deployment.next_version import make_next_version
from tests.deployment.proxies import certificate_in, nginx
from tests.harness import postgres, servers
from tests.harness.commands import run_command, start_fork, start_python
from tests.harness.environment import live_environ, portal_environ
from tests.harness.mail_servers import MailServer
from tests.harness.redis_server import Redis
from tests.harness.servers import Port, Processes
from tests.harness.simulated_zype import TV, SimulatedZype, simulated_zype
from tests.harness.timing import wait_until
from tests.stories.viewer_clients import Response, ViewerClient

MACHINES, VIEWERS, LIMIT = 3, 5, 5
PAUSE_SECONDS = 0.05
# That each viewer tries between two events.
LINKS = 5
READ_TIMEOUT = 1.0
JOIN_SECONDS = READ_TIMEOUT + 0.5 + 1
SETTINGS = {
    "PORTAL_WORKERS": "1",
    "PORTAL_THREADS": "8",
    "PORTAL_ZYPE_CONCURRENCY": "7",
    "PORTAL_ZYPE_READ_TIMEOUT": str(READ_TIMEOUT),
    "PORTAL_PROXY_HOPS": "1",
}


FIELD = re.compile(r'name="(\w+)" value="([^"]*)"')


class Browser(ViewerClient):
    """A viewer's browser, which speaks TLS to nginx from a loopback address of its own.

    Args:
        origin: of nginx.
        number: of the viewer.
        bundle: with the authority of its certificate.
        address: where the viewer is.
    """

    def __init__(self, origin: str, number: int, bundle: Path, address: str) -> None:
        super().__init__(origin, number)
        self.linked: list[tuple[TV, Response | None]] = []
        host, _, port = origin.removeprefix("https://").partition(":")
        self._connection = http.client.HTTPSConnection(
            host,
            int(port),
            timeout=10,
            source_address=(address, 0),
            context=ssl.create_default_context(cafile=bundle),
        )

    def links(self, tv: TV) -> Response | None:
        """Send a TV's PIN, and return the answer, or none where none came."""
        try:
            answer = self.enter_pin(tv.pin)
        except (OSError, http.client.HTTPException):
            self.close()
            return None
        return answer

    def undoes(self) -> Response:
        """Press Undo on the page of the last link."""
        form = self.open("/activate/done").text.partition('action="/activate/undo"')[2].partition("</form>")[0]
        return self._send("POST", "/activate/undo", dict(FIELD.findall(form)))


@dataclass
class Site:
    """Three portals behind nginx.

    Args:
        environ: of each of them, but for its port.
        ports: where they listen.
        portals: that run.
        sandbox: what they ask.
        mail: where they send mail.
        origin: of nginx.
        bundle: with the authority of its certificate.
        folder: for logs.
        stack: ends what runs.
    """

    environ: Mapping[str, str]
    ports: list[Port]
    sandbox: SimulatedZype
    mail: MailServer
    origin: str
    bundle: Path
    folder: Path
    stack: ExitStack
    portals: list[Processes] = field(default_factory=list)

    def environ_of(self, number: int) -> dict[str, str]:
        """Return the variables of one of them."""
        return {**self.environ, "PORTAL_BIND": self.ports[number].bind}

    def start(self, number: int, version: Path | None = None) -> Processes:
        """Start one of them, of this version or of the one in a folder."""
        folder = self.folder / f"portal{number}{'-next' if version else ''}"
        folder.mkdir()
        environ = self.environ_of(number) | ({"PYTHONPATH": str(version)} if version else {})
        start = start_python if version else start_fork
        portal: AbstractContextManager[Processes] = servers.processes(environ, self.ports[number], folder, start=start)
        return self.stack.enter_context(portal)

    def is_ready(self, number: int) -> bool:
        """Return what a balancer would see."""
        return requests.get(f"{self.ports[number].url}/readyz", timeout=5).ok

    def rows(self, query: sa.Select[tuple[str]]) -> list[sa.RowMapping]:
        """Return what a query finds in the database."""
        engine = sa.create_engine(self.environ["PORTAL_DATABASE_URL"])
        with engine.connect() as connection:
            found = list(connection.execute(query).mappings())
        engine.dispose()
        return found

    def browser(self, number: int) -> Browser:
        """Return a browser, signed in through whichever portal."""
        browser = Browser(self.origin, number, self.bundle, f"127.0.2.{number}")
        self.stack.callback(browser.close)
        browser.sign_in()
        return browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The portals, and all that they need."""
    authority, certificate = certificate_in(tmp_path)
    https, ports = Port(), [Port() for _ in range(MACHINES)]
    origin = f"https://localhost:{https.number}"
    with ExitStack() as stack:
        cluster = stack.enter_context(postgres.running())
        cluster.create("portal")
        upgrade(cluster.url("portal"))
        redis = Redis()
        stack.callback(redis.close)
        sandbox = stack.enter_context(simulated_zype(origin))
        mail = stack.enter_context(MailServer().serve_in_thread())
        given = {
            "PORTAL_PUBLIC_URL": origin,
            "PORTAL_REDIS_URL": redis.url,
            "PORTAL_SMTP_URL": mail.url,
            "PORTAL_MAIL_FROM": "tv@example.com",
            **SETTINGS,
        }
        environ = live_environ(portal_environ(ports[0], sandbox.url, cluster.url("portal")) | given)
        site = Site(environ, ports, sandbox, mail, origin, authority.bundle, tmp_path, stack)
        site.portals = [site.start(number) for number in range(MACHINES)]
        logs = tmp_path / "logs"
        logs.mkdir()
        first, *others = [f"server {port.bind};" for port in ports]
        upstream = {first.replace(".", r"\."): "\n    ".join([first, *others])}
        stack.enter_context(nginx(ports[0].number, https, certificate, authority.bundle, logs, changes=upstream))
        yield site


def link_on(browser: Browser, site: Site, stop: threading.Event) -> None:
    """Link one TV after the other."""
    while not stop.wait(PAUSE_SECONDS):
        tv = site.sandbox.tv()
        browser.linked.append((tv, browser.links(tv)))


def wait_for_links(browsers: list[Browser]) -> None:
    """Return when each viewer has tried to link some more TVs."""
    wanted = [len(browser.linked) + LINKS for browser in browsers]
    wait_until(
        lambda: all(len(browser.linked) >= number for browser, number in zip(browsers, wanted, strict=True)),
        "each viewer has linked some more TVs",
    )


def test_nothing_is_lost_when_one_of_three_is_killed_and_one_upgraded(site: Site, tmp_path: Path) -> None:
    browsers = [site.browser(number) for number in range(VIEWERS)]
    guesser = site.browser(VIEWERS)
    guesses = [guesser.enter_pin(f"wrong{number}").outcome for number in range(LIMIT + 1)]
    assert guesses == [Outcome.NOT_FOUND] * LIMIT + [Outcome.TOO_MANY], "attempts are counted over all three"

    stop = threading.Event()
    threads = [threading.Thread(target=link_on, args=(browser, site, stop)) for browser in browsers]
    for thread in threads:
        thread.start()
    try:
        wait_for_links(browsers)
        site.portals[0].kill()
        wait_for_links(browsers)
        version = tmp_path / "next"
        version.mkdir()
        make_next_version(version)
        upgraded = site.environ_of(2) | {"PYTHONPATH": str(version)}
        done = run_command(("db", "upgrade"), upgraded, tmp_path, start_python)
        assert done.returncode == 0, done.stderr
        assert site.is_ready(1), "the version before serves on"
        assert site.is_ready(2)
        site.portals[2].process.terminate()
        assert site.portals[2].process.wait(15) == 0
        site.portals[2] = site.start(2, version)
        wait_for_links(browsers)
    finally:
        stop.set()
        for thread in threads:
            thread.join(15)

    lost = lost_answers(browsers)
    assert len(lost) <= VIEWERS, "each viewer had one request under way, at most, when a portal was killed"
    time.sleep(JOIN_SECONDS if lost else 0)
    for browser, tv in lost:
        again = browser.links(tv)
        assert again, "nobody answers"
        assert again.outcome is Outcome.LINKED
    everything_agrees(site, browsers)
    for browser in browsers:
        assert browser.open("/devices").status == 200, "the session is good on every portal"
        tv = site.sandbox.tv()
        assert browser.enter_pin(tv.pin).outcome is Outcome.LINKED
        assert browser.undoes().status == 303
        assert tv.owner() is None, "Undo works, whichever portal linked"
    assert guesser.enter_pin("wrong9").outcome is Outcome.TOO_MANY, "the limit holds"
    verified = run_command(("audit", "verify"), upgraded, tmp_path, start_python)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    every_mail_is_sent_once(site)


def lost_answers(browsers: list[Browser]) -> list[tuple[Browser, TV]]:
    """Return the PINs without a page of the portal; every other one was linked."""
    lost = []
    for browser in browsers:
        assert len(browser.linked) > 10, "it went on"
        for tv, answer in browser.linked:
            if answer is None or answer.outcome is None:
                assert answer is None or answer.status == 503, answer
                lost.append((browser, tv))
            else:
                assert answer.outcome is Outcome.LINKED, answer
    return lost


def everything_agrees(site: Site, browsers: list[Browser]) -> None:
    """Each TV is its viewer's, no PIN was sent more often than the ledger has attempts, and each has its outcome."""
    sent = Counter(call["pin"] for call in site.sandbox.record())
    links = sa.select(ledger.c["consumer_id", "attempt_id", "outcome", "linked_device_id"]).where(
        ledger.c.action == Action.LINK
    )
    rows = site.rows(links)
    linked = {row["linked_device_id"]: row["consumer_id"] for row in rows if row["outcome"] == Outcome.LINKED}
    for browser in browsers:
        for tv, _ in browser.linked:
            assert tv.owner() == linked[tv.device_id] == browser.consumer_id
            assert 1 <= sent[sha256(tv.pin.encode()).hexdigest()[:12]] <= 2
    begun = {row["attempt_id"] for row in rows if row["outcome"] is None}
    ended = [row["attempt_id"] for row in rows if row["outcome"] is not None]
    assert len(ended) == len({*ended}), "an attempt has two outcomes"
    assert len(begun - {*ended}) <= VIEWERS
    assert sent.total() <= len(begun)


def every_mail_is_sent_once(site: Site) -> None:
    """Each row of the outbox is one mail, though three mailers read it, of which one was killed and one replaced."""
    states = sa.select(outbox.c["attempt_id", "state"])
    wait_until(lambda: {row["state"] for row in site.rows(states)} <= {"sent"}, "all mail is sent", 20)
    assert len(site.mail.accepted) == len(site.rows(states))
