"""Behind HAProxy, with docs/deploy/haproxy.cfg, portals are restarted one after the other, and nobody notices."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
import requests

from tests.deployment.files import DEPLOY
from tests.harness import servers
from tests.harness.environment import live_environ
from tests.harness.programs import need
from tests.harness.servers import Port, Processes
from tests.harness.timing import wait_until
from tests.harness.visitors import visitors

CHECK_MILLISECONDS = 200
# Seconds: more than HAProxy needs for two checks.
DRAIN = 1
VIEWERS = 8


def configuration(front: Port, portals: list[Port]) -> str:
    """Return the file of docs/deploy for these ports, without TLS and with checks in quick succession."""
    text = (DEPLOY / "haproxy.cfg").read_text()
    for pattern, replacement in {
        r"bind :443 .*": f"bind {front.bind}",
        r"10\.0\.0\.1:8000": portals[0].bind,
        r"10\.0\.0\.2:8000": portals[1].bind,
        r"inter 2s": f"inter {CHECK_MILLISECONDS}ms",
    }.items():
        text, count = re.subn(pattern, replacement, text)
        assert count == 1, f"{pattern} is not there once"
    return text


@pytest.fixture
def haproxy(port: Port, tmp_path: Path) -> Iterator[list[Port]]:
    """HAProxy at ``port``; the value is where it looks for two portals."""
    portals = [Port(), Port()]
    file = tmp_path / "haproxy.cfg"
    file.write_text(configuration(port, portals))
    port.close()
    with (tmp_path / "haproxy.log").open("wb") as log:
        process = subprocess.Popen([need("haproxy"), "-f", file], stdout=log, stderr=log)
    yield portals
    process.terminate()
    process.wait(5)


def test_the_file_is_valid_as_it_is(tmp_path: Path) -> None:
    text, count = re.subn(r" ssl crt \S+ alpn \S+", "", (DEPLOY / "haproxy.cfg").read_text())
    assert count == 1, "there is one certificate, which is not here"
    file = tmp_path / "haproxy.cfg"
    file.write_text(text)
    checked = subprocess.run([need("haproxy"), "-c", "-f", file], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr


def test_no_viewer_loses_a_request_while_one_portal_after_the_other_is_restarted(
    haproxy: list[Port], environ: dict[str, str], port: Port, tmp_path: Path
) -> None:
    environ = live_environ(environ) | {"PORTAL_PROXY_HOPS": "1", "PORTAL_DRAIN_SECONDS": str(DRAIN)}

    def portal(number: int) -> AbstractContextManager[Processes]:
        folder = tmp_path / f"portal{number}"
        folder.mkdir(exist_ok=True)
        return servers.processes(environ | {"PORTAL_BIND": haproxy[number].bind}, haproxy[number], folder)

    with ExitStack() as stack:
        running = [stack.enter_context(portal(number)) for number in (0, 1)]
        wait_for_checks(port)
        with visitors(port.number, ("GET /activate", "POST /sign-out"), VIEWERS) as seen:
            for number in (0, 1):
                running[number].process.terminate()
                assert running[number].process.wait(15) == 0
                stack.enter_context(portal(number))
                time.sleep(4 * CHECK_MILLISECONDS / 1000)
        assert seen.lost == []
        assert seen.refused == 0
        assert {*seen.statuses} == {200, 303}
        assert seen.statuses.total() > 100


def wait_for_checks(port: Port) -> None:
    """Return when HAProxy knows both portals."""
    with requests.Session() as http:
        http.trust_env = False
        wait_until(lambda: http.get(f"{port.url}/healthz", timeout=5).ok, "HAProxy has found a portal")
    time.sleep(4 * CHECK_MILLISECONDS / 1000)
