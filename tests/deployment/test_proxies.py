"""The proxies with the files of docs/deploy: TLS ends there, and the portal behind them works as without them."""

import re
import shutil
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from portal.domain.outcomes import Action
from portal.ledger.tables import ledger
from portal.settings.loading import load
from portal.settings.settings import Settings
from tests.deployment.proxies import CLIENT_SECONDS, PROXIES, Proxy, certificate_in
from tests.harness import servers
from tests.harness.environment import live_environ, portal_environ
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.servers import Port, Processes
from tests.harness.simulated_zype import SimulatedZype, simulated_zype

PIN = "zizm529"


@dataclass(frozen=True)
class Front:
    """A portal behind a proxy."""

    name: str
    proxy: Proxy
    processes: Processes
    sandbox: SimulatedZype
    settings: Settings

    def alice(self, address: str = "127.0.0.1", **headers: str) -> Alice:
        """Return Alice at a browser of hers, on this machine's address."""
        return Alice(PageClient(self.proxy.browse(address, **headers), self.settings))

    def addresses_of_failed_sign_ins(self) -> list[str]:
        """Return the keyed hash of the address of each failed sign-in, oldest first."""
        engine = sa.create_engine(self.settings.database_url.get_secret_value())
        ended = ledger.c.outcome.is_not(None)
        query = sa.select(ledger.c.address_hash).where(ledger.c.action == Action.SIGN_IN, ended).order_by(ledger.c.id)
        with engine.connect() as connection:
            found = list(connection.execute(query).scalars())
        engine.dispose()
        return found


@pytest.fixture(scope="module", params=PROXIES)
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[Front]:
    """A portal in live mode behind each proxy."""
    folder, logs = tmp_path_factory.mktemp("portal"), tmp_path_factory.mktemp("proxy")
    authority, certificate = certificate_in(folder)
    port, https = Port(), Port()
    origin = f"https://localhost:{https.number}"
    with ExitStack() as stack:
        sandbox = stack.enter_context(simulated_zype(origin))
        url = f"sqlite:///{shutil.copy(sqlite_template, folder)}"
        given = {"PORTAL_PUBLIC_URL": origin, "PORTAL_PROXY_HOPS": "1"}
        environ = live_environ(portal_environ(port, sandbox.url, url) | given)
        processes = stack.enter_context(servers.processes(environ, port, folder))
        proxy = PROXIES[request.param](port.number, https, certificate, authority.bundle, logs)
        yield Front(request.param, stack.enter_context(proxy), processes, sandbox, load(environ))


def sent(proxy: Proxy, request: str) -> str:
    """Send this over TLS and nothing more, and return what comes back until the connection is closed."""
    context = ssl.create_default_context(cafile=proxy.bundle)
    with (
        socket.create_connection(("127.0.0.1", proxy.port), timeout=10 * CLIENT_SECONDS) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        connection.sendall(request.encode())
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass
        return answer.decode()


def stylesheet_of(page: str) -> str:
    """Return the path of a page's stylesheet."""
    [path] = re.findall(r'href="(/static/[^"]+\.css)"', page)
    return str(path)


def test_a_viewer_links_a_tv_and_undoes_it(front: Front) -> None:
    tv = front.sandbox.tv()
    alice = front.alice().signs_in().types_pin(tv.pin)
    assert tv.is_linked()
    alice.undoes()
    assert not tv.is_linked()


def test_the_portal_knows_the_address_of_the_client_whatever_it_claims(front: Front) -> None:
    before = len(front.addresses_of_failed_sign_ins())
    for address, headers in (
        ("127.0.0.2", {}),
        ("127.0.0.3", {}),
        ("127.0.0.2", {"X_Forwarded_For": "192.0.2.1", "Forwarded": "for=192.0.2.1"}),
    ):
        front.alice(address, **headers).signs_in("wrong-password", 422)
    first, other, again = front.addresses_of_failed_sign_ins()[before:]
    assert first == again != other


def test_pages_and_static_files_come_compressed_by_http_2(front: Front) -> None:
    page = front.proxy.curl("/activate", "--compressed", "-w", "\n%{http_version} %{size_download}")
    version, size = page.splitlines()[-1].split()
    assert version == "2"
    assert int(size) < len(page) / 2

    session = front.proxy.browse().session
    answer = session.get(f"{front.proxy.url}/activate", timeout=5)
    for path in ("/activate", stylesheet_of(answer.text)):
        for encoding in ("br", "gzip"):
            answer = session.get(front.proxy.url + path, headers={"Accept-Encoding": encoding}, timeout=5)
            assert answer.headers["Content-Encoding"] == encoding, path
            assert "Accept-Encoding" in answer.headers["Vary"]
        assert session.get(front.proxy.url + path, headers={"Accept-Encoding": "identity"}, timeout=5).text


def test_no_log_has_a_query_or_a_pin(front: Front) -> None:
    session = front.proxy.browse(Referer=f"https://tv.example/?pin={PIN}").session
    for path in (*(f"/activate{mark}pin={PIN}" for mark in ("?", "%3F", "%23", ";", "&", "%26")), f"/?PIN={PIN}"):
        session.get(front.proxy.url + path, timeout=5, allow_redirects=False)
    for broken in (
        f"GET /activate?pin={PIN} x HTTP/1.1\r\n\r\n",
        f"GET /activate?pin={PIN} HTTP/1.1\r\nHost: a b\r\n\r\n",
    ):
        sent(front.proxy, broken)
    session.get(f"{front.proxy.url}/the-last-one", timeout=5)
    # Lines are written a moment after the answer, one after the other.
    assert front.proxy.logs_soon("/the-last-one")
    logs = front.proxy.logs()
    assert logs.count("/activate") >= 3
    assert PIN not in logs
    assert "pin=" not in logs.lower()
    assert PIN not in front.processes.log()


def test_a_line_of_the_proxy_and_one_of_the_portal_have_the_same_request_id(front: Front) -> None:
    answer = front.proxy.browse().session.get(f"{front.proxy.url}/sign-in", timeout=5)
    number = answer.headers["X-Request-ID"]
    assert number in front.processes.log()
    # Caddy could write it into its log with all other headers alone.
    if front.name != "Caddy":
        assert front.proxy.logs_soon(number)


def test_half_a_request_is_given_up_and_does_nothing(front: Front) -> None:
    transport = front.proxy.browse()
    alice = Alice(PageClient(transport, front.settings)).signs_in().opens("/activate")
    token = alice.page.value("form[action='/activate'] [name=csrf_token]")
    form = urlencode({"csrf_token": token, "from": "", "pin": "good4711"})
    cookies = "; ".join(f"{name}={value}" for name, value in transport.session.cookies.items())
    head = (
        f"POST /activate HTTP/1.1\r\nHost: localhost:{front.proxy.port}\r\nOrigin: {front.proxy.url}\r\n"
        f"Cookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n"
    )
    before = front.sandbox.record()
    cuts = (head, f"{head}\r\n", f"{head}\r\n{form[:-1]}")
    # Each of them waits until the proxy gives it up.
    with ThreadPoolExecutor(len(cuts)) as pool:
        answers = list(pool.map(partial(sent, front.proxy), cuts))
    for cut, answer in zip(cuts, answers, strict=True):
        # Each proxy says something else to such a client, but none shows a page of the portal.
        assert "<main" not in answer, cut
        assert "location" not in answer.lower(), cut
    assert front.sandbox.record() == before
    answer = sent(front.proxy, f"{head}Connection: close\r\n\r\n{form}")
    assert "\r\nlocation: /activate/done\r\n" in answer.lower()
    assert len(front.sandbox.record()) == len(before) + 1


def test_a_body_that_is_too_large_is_refused(front: Front) -> None:
    answer = front.proxy.browse().session.post(f"{front.proxy.url}/activate", data=b"a" * 70_000, timeout=5)
    assert answer.status_code == 413
