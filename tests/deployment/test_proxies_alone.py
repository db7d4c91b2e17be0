"""The same proxies where a portal can't be reached, and what nginx does before it asks one."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from flask import Flask

from tests.deployment.files import DEPLOY
from tests.deployment.proxies import PROXIES, certificate_in, nginx
from tests.fixtures import services_of
from tests.harness import servers
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.servers import Port, free_port
from tests.harness.simulated_zype import SimulatedZype

PIN = "zizm529"
# Requests at once that nginx lets an address send, and more of them; fewer than in the file, for a slow machine.
BURST, FLOOD = 5, 20
FEW = {"rate=100r/s": "rate=1r/m", "burst=200": f"burst={BURST}"}


@pytest.mark.parametrize("name", PROXIES)
def test_a_request_goes_to_another_portal_if_one_can_not_be_reached(
    name: str, make_app: Callable[..., Flask], port: Port, sandbox: SimulatedZype, tmp_path: Path
) -> None:
    authority, certificate = certificate_in(tmp_path)
    https = Port()
    app = make_app(public_url=f"https://localhost:{https.number}", proxy_hops="1")
    ports = [free_port(), free_port(), port.number]
    if name == "nginx":
        changes = {r"(?s)upstream zype_activate \{.*?\n\}": upstream_of_compose(ports)}
    elif name == "HAProxy":
        servers_of = "".join(f"    server s{number} 127.0.0.1:{number}\n" for number in ports)
        changes = {r"    server first .*\n": servers_of}
    else:
        changes = {rf"127\.0\.0\.1:{port.number}": " ".join(f"127.0.0.1:{number}" for number in ports)}
    proxy_of = PROXIES[name](port.number, https, certificate, authority.bundle, tmp_path, changes=changes)
    with servers.serving(app, port), proxy_of as proxy:
        alice = Alice(PageClient(proxy.browse(), services_of(app).settings))
        for _ in range(6):
            alice.opens("/activate")
        # Caddy does not keep what it would have to send again.
        if name != "Caddy":
            tv = sandbox.tv()
            alice.signs_in().types_pin(tv.pin)
            assert tv.is_linked()


def upstream_of_compose(ports: list[int]) -> str:
    """Return the upstream of compose.yaml, whose portals are at these ports."""
    text = str(yaml.safe_load((DEPLOY / "compose.yaml").read_text())["configs"]["upstream"]["content"])
    for number, port in enumerate(ports, 1):
        text = text.replace(f"portal-{number}:8000", f"127.0.0.1:{port}")
    assert "portal-" not in text
    return text


def test_nginx_leads_to_https_with_the_query_and_stops_floods(tmp_path: Path) -> None:
    authority, certificate = certificate_in(tmp_path)
    logs = tmp_path / "logs"
    logs.mkdir()
    with nginx(free_port(), Port(), certificate, authority.bundle, logs, changes=FEW) as proxy:
        session = proxy.browse().session
        plain = session.get(f"http://localhost:{proxy.plain_port}/activate?a=b", timeout=5, allow_redirects=False)
        assert (plain.status_code, plain.headers["Location"]) == (308, "https://localhost/activate?a=b")
        statuses = Counter(session.get(f"{proxy.url}/", timeout=5).status_code for _ in range(FLOOD))
    # The portal is not there.
    assert statuses == {503: BURST + 1, 429: FLOOD - BURST - 1}


@pytest.mark.parametrize("name", PROXIES)
def test_without_a_portal_the_proxy_says_so_and_logs_no_pin(name: str, tmp_path: Path) -> None:
    authority, certificate = certificate_in(tmp_path)
    logs = tmp_path / "logs"
    logs.mkdir()
    with PROXIES[name](free_port(), Port(), certificate, authority.bundle, logs) as proxy:
        answer = proxy.browse().session.get(f"{proxy.url}/activate?pin={PIN}", timeout=5)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "10"
        assert "try again in a moment" in answer.text
    found = proxy.logs()
    assert "/activate" in found
    assert "503" in found
    assert PIN not in found
