"""``serve`` as an operator runs it, with real processes and sockets. How it stops is in tests/stories/test_stop.py."""

import gzip
import json
import os
import re
import shutil
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from portal.sandbox import seed
from tests.commands.conftest import Run, RunProcess
from tests.harness import servers
from tests.harness.commands import start_python
from tests.harness.servers import Port, Processes, free_port, sandbox_addresses
from tests.harness.timing import wait_until
from tests.stories.workers import children_of, listens_on, open_files

SECONDS = 30.0
LIVE = {
    "PORTAL_MODE": "live",
    "PORTAL_ZYPE_API_KEY": "sandbox-api-key",
    "PORTAL_ZYPE_LOGIN_URL": "http://127.0.0.1:8001",
    "PORTAL_ZYPE_CLIENT_ID": "sandbox-client",
    "PORTAL_ZYPE_CLIENT_SECRET": "sandbox-client-secret",
}


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """A client that ignores the environment."""
    with requests.Session() as session:
        session.trust_env = False
        # A stopping portal keeps connections for two seconds more.
        session.headers["Connection"] = "close"
        yield session


class Server:
    """A running portal in sandbox mode, with nothing set but where it listens.

    Args:
        running: its processes.
        sandbox: the origin of its sandbox.
        metrics: where it shows its metrics, as HOST:PORT.
        folder: its own; in it are the folder that a service manager gives it, and the one for temporary files.
    """

    def __init__(self, running: Processes, sandbox: str, metrics: str, folder: Path) -> None:
        self.running = running
        self.folder = folder
        self.url = running.url
        self.sandbox = sandbox
        self.metrics = metrics

    def lines(self) -> list[dict[str, Any]]:
        """Return what it has logged so far."""
        return [json.loads(line) for line in self.running.log().splitlines()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A portal that the tests share, started as an operator does."""
    port, addresses, metrics = Port(), sandbox_addresses(), f"127.0.0.1:{free_port()}"
    folder = tmp_path_factory.mktemp("server")
    for name in ("runtime", "temporary"):
        (folder / name).mkdir()
    environ = {
        "PORTAL_BIND": port.bind,
        "PORTAL_METRICS_BIND": metrics,
        "RUNTIME_DIRECTORY": str(folder / "runtime"),
        "TMPDIR": str(folder / "temporary"),
        **addresses,
    }
    with servers.processes(environ, port, folder, start=start_python) as running:
        yield Server(running, addresses["PORTAL_ZYPE_API_URL"], metrics, folder)


def test_a_foreign_host_is_refused_and_logged(server: Server, http: requests.Session) -> None:
    answer = http.get(f"{server.url}/activate", headers={"Host": "mallory.example"}, timeout=5)
    assert answer.status_code == 400
    assert answer.text == f"This address is not served here. Open {server.url}\n"
    assert http.get(f"{server.url}/healthz", headers={"Host": "evil.example"}, timeout=5).ok
    [line] = [line for line in server.lines() if line.get("host") == "mallory.example"]
    assert line["event"] == "foreign_host"
    assert line["expected"] == server.url.removeprefix("http://")


@pytest.mark.parametrize("head", [b"GET /activate HTTP/1.1\r\n\r\n", b"GET /activate HTTP/1.0\r\n\r\n"])
def test_a_request_without_a_host_gets_a_400(head: bytes, server: Server) -> None:
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(head)
        assert b" 400 " in connection.recv(4096).split(b"\r\n")[0]


def test_a_client_cannot_pretend_to_be_a_proxy(server: Server, http: requests.Session) -> None:
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "SCRIPT_NAME": "/x", "PATH_INFO": "/y"}
    answer = http.get(f"{server.url}/", headers=forged, timeout=5, allow_redirects=False)
    assert answer.headers["Location"] == "/activate"


def test_the_logs_are_json_and_hold_no_query(server: Server, http: requests.Session) -> None:
    asked = {
        "first-page": "/activate?pin=zizm529",
        "second-page": "/zizm529?pin=zizm529",
        "third-page": "/sign-in?next=/activate%3Fpin%3Dzizm529",
    }
    for request_id, path in asked.items():
        http.get(f"{server.url}{path}", timeout=5, headers={"X-Request-ID": request_id}, allow_redirects=False)
    lines = [line for line in server.lines() if line.get("request_id") in asked]
    assert [(line["request_id"], line["rule"]) for line in lines] == [
        ("first-page", "/activate"),
        ("second-page", None),
        ("third-page", "/sign-in"),
    ]
    assert "zizm529" not in server.running.log()


def test_static_files_are_compressed_and_can_be_cached_forever(server: Server, http: requests.Session) -> None:
    page = http.get(f"{server.url}/activate", timeout=5).text
    names = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert {name.rsplit(".", 1)[1] for name in names} == {"css", "js", "svg", "png", "ico"}
    for name in names:
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", name)
        answer = http.get(f"{server.url}{name}", timeout=5, stream=True, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        is_compressed = answer.headers.get("Content-Encoding") == "gzip"
        assert is_compressed is not name.endswith((".png", ".ico")), name
        assert gzip.decompress(answer.raw.read()) if is_compressed else answer.content
        # Each worker names the files by itself: the names must be the same.
        assert all(http.get(f"{server.url}{name}", timeout=5).ok for _ in range(4))


def test_a_port_in_use_is_an_error_in_one_sentence(server: Server, run_process: RunProcess) -> None:
    bind = server.url.removeprefix("http://")
    second = run_process("serve", PORTAL_BIND=bind, **sandbox_addresses())
    assert second.returncode == 1
    assert second.stderr == f"Can't listen on {bind}: address already in use. Set PORTAL_BIND to another address.\n"


def test_a_runtime_folder_that_is_not_there_is_an_error_in_one_sentence(
    run_process: RunProcess, environ: dict[str, str], port: Port, tmp_path: Path
) -> None:
    port.close()
    refused = run_process("serve", **environ | LIVE | {"RUNTIME_DIRECTORY": str(tmp_path / "nowhere")})
    assert refused.returncode == 1
    assert refused.stderr == (
        "The server can't start: the folder of RUNTIME_DIRECTORY can't be written to: no such file or directory.\n"
    )


def test_it_refuses_templates_that_would_break_a_page(
    run_process: RunProcess, environ: dict[str, str], port: Port, tmp_path: Path
) -> None:
    port.close()
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/enter_pin.html").touch()
    refused = run_process("serve", **environ | {"PORTAL_OVERRIDES_DIR": str(tmp_path)})
    assert refused.returncode == 1
    assert refused.stderr == (
        "The files in PORTAL_OVERRIDES_DIR have faults:\n  templates/enter_pin.html: "
        "it replaces none of the portal's templates, and no other one of yours names it\n"
    )


def test_in_live_mode_it_refuses_a_database_without_the_schema(
    run_process: RunProcess, run: Run, environ: dict[str, str], port: Port
) -> None:
    port.close()
    live = environ | LIVE | {"PORTAL_DATABASE_URL": "sqlite:///new.db"}
    refused = run_process("serve", **live)
    assert refused.returncode == 1
    assert refused.stderr == (
        "The database can't be used: it lacks this version's schema (run: zype-activate db upgrade).\n"
    )
    upgraded = run("db", "upgrade", **live)
    assert (upgraded.exit_code, upgraded.stdout) == (0, "The database has this version's schema.\n")


def test_a_database_that_does_not_answer_is_an_error_in_one_sentence(
    run_process: RunProcess, environ: dict[str, str], port: Port
) -> None:
    port.close()
    url = f"postgresql+psycopg://portal:hushhush@127.0.0.1:{free_port()}/portal"
    refused = run_process("serve", **environ | LIVE | {"PORTAL_DATABASE_URL": url})
    assert refused.returncode == 1
    assert "The database can't be used" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "hushhush" not in refused.stderr


def test_a_newcomer_serves_without_any_setting(server: Server, http: requests.Session) -> None:
    sandbox = server.sandbox
    assert http.get(f"{sandbox}/tv", timeout=5).ok
    page = http.get(f"{server.url}/activate", timeout=5)
    assert page.ok
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    fields = {"email": seed.ALICE.email, "password": seed.ALICE.password, "csrf_token": token[1]}
    assert http.post(f"{server.url}/sign-in", fields, timeout=5, allow_redirects=False).status_code == 303


def test_it_needs_no_file_that_somebody_could_remove_and_leaves_none_behind_if_it_is_killed(
    server: Server, http: requests.Session
) -> None:
    """A cleaner of old files, a full disk or SIGKILL: nothing has to be there, and nothing is left."""
    http.get(f"{server.url}/activate", timeout=5)
    wait_for_children(server, 4)
    nameless = re.compile(r"(socket|pipe|anon_inode|/memfd):.*|/dev/(null|urandom)|.* \(deleted\)")
    own = re.compile(rf"{server.folder}/(serve\.log|zype-activate\.db(-wal|-shm|-turn)?)")

    def needs_no_other(process: int) -> bool:
        files = open_files(process)
        assert files, process
        return all(nameless.fullmatch(file) or own.fullmatch(file) for file in files)

    for process in (server.running.process.pid, *children_of(server.running.process.pid)):
        # One that is still starting reads its data.
        wait_until(partial(needs_no_other, process), f"no other file is open in {process}")
        is_main = process == server.running.process.pid
        assert listens_on(process, int(server.metrics.rpartition(":")[2])) is is_main
    assert [*(server.folder / "temporary").iterdir()] == []
    assert [*server.folder.glob("runtime/*")] == []


def test_a_worker_that_ends_is_replaced_and_leaves_everything_to_the_others(
    server: Server, http: requests.Session
) -> None:
    wait_for_children(server, 4)
    # Each on a new connection, so that both workers get some.
    for _ in range(20):
        http.get(f"{server.url}/activate", timeout=5)
    before = counted_so_far(http, server)
    shutil.rmtree(server.folder / "runtime")
    worker = children_of(server.running.process.pid)[-1]

    def is_gone() -> bool:
        """It is no child any more: one that has ended and was not looked at yet would count as one of the four."""
        # More than once, since a worker that is still starting ignores it.
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGTERM)
        return worker not in children_of(server.running.process.pid)

    wait_until(is_gone, "the worker has ended", SECONDS, every=0.2)
    wait_for_children(server, 4)
    assert "runtime_folder_lost" in server.running.log(), "the next worker needs another one for its heartbeat"
    assert http.get(f"{server.sandbox}/healthz", timeout=5).ok
    http.get(f"{server.url}/activate", timeout=5)
    sent = Counter({("GET", "/activate", "2xx"): 1})
    wait_until(lambda: requests_counted(http, server) - before == sent, "nothing is lost")


def wait_for_children(server: Server, number: int) -> None:
    """Return when there are so many processes: the workers, the sandbox and the mailer."""
    process = server.running.process.pid
    wait_until(lambda: len(children_of(process)) == number, f"there are {number} processes", SECONDS)


def test_metrics_are_added_up_over_the_workers_and_shown_on_their_own_port_alone(
    server: Server, http: requests.Session
) -> None:
    before = counted_so_far(http, server)
    for _ in range(20):
        # Each on a new connection, so that both workers get some.
        http.post(f"{server.url}/sign-out?pin=zizm529", timeout=5, allow_redirects=False)
        http.request("BREW", f"{server.url}/activate/zizm529", timeout=5)
    sent = Counter({("POST", "/sign-out", "3xx"): 20, ("other", "none", "4xx"): 20})
    wait_until(lambda: requests_counted(http, server) - before == sent, f"{sent} are counted")
    assert http.get(f"{server.url}/metrics", timeout=5).status_code == 404


def counted_so_far(http: requests.Session, server: Server) -> Counter[tuple[str, str, str]]:
    """Return the numbers of requests when the last answers are counted too, which a worker does after sending them."""
    readings = [Counter[tuple[str, str, str]]()]

    def stand_still() -> bool:
        readings.append(requests_counted(http, server))
        return readings[-1] == readings[-2]

    wait_until(stand_still, "no request is counted any more", every=0.1)
    return readings[-1]


def requests_counted(http: requests.Session, server: Server) -> Counter[tuple[str, str, str]]:
    """Return the numbers of requests in the metrics, by method, rule and class of status."""
    shown = http.get(f"http://{server.metrics}/metrics", timeout=5).text
    assert "zizm529" not in shown
    labels = r'method="([^"]+)",rule="([^"]+)",status="([^"]+)"'
    found = re.findall(rf"^portal_http_request_seconds_count{{{labels}}} (\S+)$", shown, re.MULTILINE)
    return Counter({(method, rule, status): int(float(count)) for method, rule, status, count in found})


def test_an_application_that_can_not_be_created_is_logged_and_ends_it_with_its_sandbox(
    run_process: RunProcess, port: Port, tmp_path: Path, http: requests.Session
) -> None:
    port.close()
    scripts = tmp_path / "static" / "js"
    scripts.mkdir(parents=True)
    (scripts / "menu.js").symlink_to("nowhere")
    addresses = sandbox_addresses()
    done = run_process("serve", PORTAL_BIND=port.bind, PORTAL_OVERRIDES_DIR=str(tmp_path), **addresses)
    assert done.returncode == 3
    assert "worker_failed" in [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert done.stderr == ""
    with pytest.raises(requests.ConnectionError):
        http.get(f"{addresses['PORTAL_ZYPE_API_URL']}/healthz", timeout=5)
