"""``serve`` as an operator runs it: real processes, real sockets, real signals."""

import gzip
import json
import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import requests

from portal.sandbox import seed
from tests.commands.conftest import Run
from tests.harness import servers
from tests.harness.cast import Alice
from tests.harness.page import PageClient
from tests.harness.servers import Port, Processes, free_port, sandbox_addresses
from tests.harness.simulated_zype import SimulatedZype
from tests.stories.workers import children_of, is_running

SECONDS = 30.0


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """A client that follows nothing of the environment."""
    with requests.Session() as session:
        session.trust_env = False
        # A stopping portal gives kept connections two seconds more.
        session.headers["Connection"] = "close"
        yield session


class Served:
    """The portal in sandbox mode, as a newcomer serves it, with nothing set but where it listens.

    Args:
        folder: its working directory.
    """

    def __init__(self, folder: Path) -> None:
        self.port = Port()
        addresses = sandbox_addresses()
        self.sandbox = addresses["PORTAL_ZYPE_API_URL"]
        self.metrics = f"127.0.0.1:{free_port()}"
        environ = {"PORTAL_BIND": self.port.bind, **addresses}
        self.context = servers.processes(environ | {"PORTAL_METRICS_BIND": self.metrics}, self.port, folder)

    def __enter__(self) -> Self:
        self.running = self.context.__enter__()
        self.url = self.running.url
        return self

    def __exit__(self, *error: Any) -> None:
        self.context.__exit__(*error)

    def lines(self) -> list[dict[str, Any]]:
        """Return what it has logged so far."""
        return [json.loads(line) for line in self.running.log().splitlines()]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A portal that several tests look at, and none ends."""
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Served]:
    """A portal of this test's own."""
    with Served(tmp_path) as served:
        yield served


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "It never came to be so"
        time.sleep(0.02)


def end(worker: int) -> None:
    """Tell a worker to end until it does: one that is still starting up hears nothing."""
    for _ in range(int(SECONDS)):
        os.kill(worker, signal.SIGTERM)
        told = time.monotonic()
        while time.monotonic() < told + 1:
            if not is_running(worker):
                return
            time.sleep(0.02)
    raise AssertionError("The worker did not end")


def test_a_stop_lets_a_link_in_flight_finish(
    processes: Processes, sandbox: SimulatedZype, browse_over_http: Callable[[str], PageClient]
) -> None:
    alice = Alice(browse_over_http(processes.url)).opens("/activate").signs_in()
    form = alice.page
    seen: list[str | None] = []

    def link() -> None:
        page = alice.browser.submit(form, "/activate", 303, **{"pin": "slow1", "from": ""})
        seen.append(page.location)

    thread = threading.Thread(target=link)
    thread.start()
    wait_until(lambda: bool(sandbox.record()))
    assert sandbox.record()[0]["status"] is None, "the link is not under way any more"
    processes.process.send_signal(signal.SIGTERM)
    thread.join(SECONDS)
    assert seen == ["/activate/done"]
    assert processes.process.wait(SECONDS) == 0
    assert [call["status"] for call in sandbox.record()] == [200]


def test_a_stopping_portal_takes_no_new_connections(processes: Processes, http: requests.Session) -> None:
    processes.process.send_signal(signal.SIGTERM)
    assert processes.process.wait(SECONDS) == 0
    with pytest.raises(requests.ConnectionError):
        http.get(f"{processes.url}/healthz", timeout=2)


def test_a_foreign_host_is_refused_and_logged(served: Served, http: requests.Session) -> None:
    answer = http.get(f"{served.url}/activate", headers={"Host": "mallory.example"}, timeout=5)
    assert answer.status_code == 400
    assert answer.text == f"This address is not served here. Open {served.url}\n"
    assert http.get(f"{served.url}/healthz", headers={"Host": "evil.example"}, timeout=5).ok
    [line] = [line for line in served.lines() if line.get("host") == "mallory.example"]
    assert line["event"] == "foreign_host"
    assert line["expected"] == served.port.bind


@pytest.mark.parametrize("head", [b"GET /activate HTTP/1.1\r\n\r\n", b"GET /activate HTTP/1.0\r\n\r\n"])
def test_a_request_without_a_host_gets_a_400(head: bytes, served: Served) -> None:
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(head)
        assert b" 400 " in connection.recv(4096).split(b"\r\n")[0]


def test_a_client_cannot_pretend_to_be_a_proxy(served: Served, http: requests.Session) -> None:
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "SCRIPT_NAME": "/x", "PATH_INFO": "/y"}
    answer = http.get(f"{served.url}/", headers=forged, timeout=5, allow_redirects=False)
    assert answer.headers["Location"] == "/activate"


def test_the_logs_are_json_and_hold_no_query(served: Served, http: requests.Session) -> None:
    asked = {
        "first-page": "/activate?pin=zizm529",
        "second-page": "/zizm529?pin=zizm529",
        "third-page": "/sign-in?next=/activate%3Fpin%3Dzizm529",
    }
    for request_id, path in asked.items():
        http.get(f"{served.url}{path}", timeout=5, headers={"X-Request-ID": request_id}, allow_redirects=False)
    lines = [line for line in served.lines() if line.get("request_id") in asked]
    assert [(line["request_id"], line["rule"]) for line in lines] == [
        ("first-page", "/activate"),
        ("second-page", None),
        ("third-page", "/sign-in"),
    ]
    assert "zizm529" not in served.running.log()


def test_static_files_are_compressed_and_kept_for_good(served: Served, http: requests.Session) -> None:
    page = http.get(f"{served.url}/activate", timeout=5).text
    names = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert {name.rsplit(".", 1)[1] for name in names} == {"css", "js", "svg"}
    for name in names:
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", name)
        answer = http.get(f"{served.url}{name}", timeout=5, stream=True, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "immutable" in answer.headers["Cache-Control"]
        assert gzip.decompress(answer.raw.read())
        # Each worker has made the files for itself: they must agree.
        assert all(http.get(f"{served.url}{name}", timeout=5).ok for _ in range(4))


def test_a_busy_port_is_said_in_one_sentence(served: Served, run: Run) -> None:
    bind = served.url.removeprefix("http://")
    second = run("serve", PORTAL_BIND=bind, **sandbox_addresses())
    assert second.returncode == 1
    assert second.stderr == f"Can't listen on {bind}: address already in use. Set PORTAL_BIND to another address.\n"


def test_live_it_wants_the_schema_first(run: Run, environ: dict[str, str], tmp_path: Path, port: Port) -> None:
    port.close()
    database = {"PORTAL_DATABASE_URL": f"sqlite:///{tmp_path / 'new.db'}"}
    live = environ | LIVE | {"PORTAL_ZYPE_LOGIN_URL": environ["PORTAL_ZYPE_API_URL"]} | database
    refused = run("serve", **live)
    assert refused.returncode == 1
    assert refused.stderr.endswith("Run: zype-activate db upgrade\n")
    assert "Traceback" not in refused.stderr
    assert run("db", "upgrade", **live).returncode == 0
    with servers.processes(live, port, tmp_path) as serving:
        assert serving.process.poll() is None


LIVE = {
    "PORTAL_MODE": "live",
    "PORTAL_ZYPE_API_KEY": "sandbox-api-key",
    "PORTAL_ZYPE_CLIENT_ID": "sandbox-client",
    "PORTAL_ZYPE_CLIENT_SECRET": "sandbox-client-secret",
}


def test_a_database_out_of_reach_is_said_in_one_sentence(run: Run, environ: dict[str, str], port: Port) -> None:
    port.close()
    database = {"PORTAL_DATABASE_URL": f"postgresql+psycopg://portal:hushhush@127.0.0.1:{free_port()}/portal"}
    refused = run("serve", **environ | LIVE | {"PORTAL_ZYPE_LOGIN_URL": environ["PORTAL_ZYPE_API_URL"]} | database)
    assert refused.returncode == 1
    assert "The database can't be used" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "hushhush" not in refused.stderr


def test_a_newcomer_serves_without_any_setting(served: Served, http: requests.Session) -> None:
    sandbox = served.sandbox
    assert http.get(f"{sandbox}/tv", timeout=5).ok
    page = http.get(f"{served.url}/activate", timeout=5)
    assert page.ok
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    fields = {"email": seed.ALICE.email, "password": seed.ALICE.password, "csrf_token": token[1]}
    assert http.post(f"{served.url}/sign-in", fields, timeout=5, allow_redirects=False).status_code == 303


def test_a_worker_that_ends_leaves_everything_to_the_others(mortal: Served, http: requests.Session) -> None:
    sandbox, metrics = mortal.sandbox, mortal.metrics
    before = children_of(mortal.running.process.pid)
    worker = before[-1]
    end(worker)
    wait_until(lambda: len(children_of(mortal.running.process.pid)) == len(before))
    assert http.get(f"{sandbox}/healthz", timeout=5).ok
    http.get(f"{mortal.url}/activate", timeout=5)
    assert 'rule="/activate"' in http.get(f"http://{metrics}/metrics", timeout=5).text


def test_metrics_are_added_up_over_the_workers_and_shown_on_their_own_port_alone(
    served: Served, http: requests.Session
) -> None:
    before = requests_counted(http, served)
    for _ in range(20):
        # A new connection each time, so that both workers have their share.
        http.post(f"{served.url}/sign-out?pin=zizm529", timeout=5)
        http.request("BREW", f"{served.url}/activate/zizm529", timeout=5)
    after = requests_counted(http, served)
    assert after - before == Counter({("POST", "/sign-out", "4xx"): 20, ("other", "none", "4xx"): 20})
    assert http.get(f"{served.url}/metrics", timeout=5).status_code == 404


def requests_counted(http: requests.Session, served: Served) -> Counter[tuple[str, str, str]]:
    """Return how many requests the metrics tell of, by method, rule and class of status."""
    shown = http.get(f"http://{served.metrics}/metrics", timeout=5).text
    assert "zizm529" not in shown
    labels = r'method="([^"]+)",rule="([^"]+)",status="([^"]+)"'
    found = re.findall(rf"^portal_http_request_seconds_count{{{labels}}} (\S+)$", shown, re.MULTILINE)
    return Counter({(method, rule, status): int(float(count)) for method, rule, status, count in found})


def test_everything_ends_with_it_even_when_it_is_killed(mortal: Served) -> None:
    # Two workers, the sandbox and the mailer: the first answer may come before the second worker is there.
    wait_until(lambda: len(children_of(mortal.running.process.pid)) == 4)
    started = children_of(mortal.running.process.pid)
    mortal.running.process.kill()
    mortal.running.process.wait(5)
    wait_until(lambda: not any(is_running(process) for process in started))


def test_an_application_that_cannot_be_made_is_logged_and_ends_it(run: Run, port: Port, tmp_path: Path) -> None:
    port.close()
    styles = tmp_path / "static" / "css"
    styles.mkdir(parents=True)
    (styles / "base.css").write_bytes(b"\xff\xfe")
    done = run("serve", PORTAL_BIND=port.bind, PORTAL_OVERRIDES_DIR=str(tmp_path), **sandbox_addresses())
    assert done.returncode == 3
    assert "worker_failed" in [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert done.stderr == ""
