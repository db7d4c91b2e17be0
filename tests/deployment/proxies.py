"""nginx, Caddy and HAProxy with the files in docs/deploy, on loopback ports, in front of a portal."""

import contextlib
import os
import pwd
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from requests.adapters import HTTPAdapter

from tests.deployment.files import DEPLOY
from tests.harness.certificates import Authority, make_authority
from tests.harness.programs import need
from tests.harness.servers import Port, free_port
from tests.harness.starting import accepts, wait_until_it_answers
from tests.harness.timing import is_soon
from tests.harness.transports import OverHTTP

LOG_SECONDS = 5.0
# A client that has sent half a request is given up after this instead of ten seconds.
CLIENT_SECONDS = 1
NGINX = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/start.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Proxy:
    """A proxy that runs.

    Args:
        port: where it speaks TLS.
        bundle: the file with the certificate of its authority.
        folder: in which its logs are.
        plain_port: where it speaks HTTP without TLS, if it does.
    """

    def __init__(self, port: int, bundle: Path, folder: Path, plain_port: int | None = None) -> None:
        self.port = port
        self.plain_port = plain_port
        self.url = f"https://localhost:{port}"
        self.bundle = bundle
        self._folder = folder

    def logs(self) -> str:
        """Return what it has written to any of its logs."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))

    def logs_soon(self, text: str) -> bool:
        """Tell whether a log has a text, which may be written a moment after the answer."""
        return is_soon(lambda: text in self.logs(), LOG_SECONDS)

    def browse(self, address: str = "127.0.0.1", **headers: str) -> OverHTTP:
        """Return a browser on a loopback address, which sends these headers with each request."""
        transport = OverHTTP(self.url)
        transport.session.mount("https://", _From(address))
        transport.session.verify = str(self.bundle)
        transport.session.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        return transport

    def curl(self, path: str, *options: str) -> str:
        """Return what curl prints for a path."""
        command = [need("curl"), "-sS", "--max-time", "10", "--cacert", self.bundle, *options, self.url + path]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class _From(HTTPAdapter):
    """Connects from one address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named, source_address=(self._address, 0))


def nginx_site(portal: int, https: int, http: int, certificate: Path, folder: Path) -> str:
    """Return both files of docs/deploy for these ports, a certificate with its key, and logs in a folder."""
    text = (DEPLOY / "nginx-upstream.conf").read_text() + (DEPLOY / "nginx.conf").read_text()
    changes = {
        r"server 127\.0\.0\.1:8000;": f"server 127.0.0.1:{portal};",
        r"listen 80;": f"listen 127.0.0.1:{http};",
        r"listen \[::\]:80;": f"listen [::1]:{http};",
        r"listen 443 ": f"listen 127.0.0.1:{https} ",
        r"listen \[::\]:443 ": f"listen [::1]:{https} ",
        r"tv\.example\.com;": "localhost;",
        r"ssl_certificate \S+;": f"ssl_certificate {certificate};",
        r"ssl_certificate_key \S+;": f"ssl_certificate_key {certificate};",
        r"/var/log/nginx/": f"{folder}/",
        r"(client_\w+_timeout) 10s;": rf"\1 {CLIENT_SECONDS}s;",
    }
    return _changed(text, changes)


def caddyfile(portal: int, https: int, certificate: Path, folder: Path) -> str:
    """Return docs/deploy/Caddyfile for the same, and a certificate that nobody has to be asked for."""
    text = (DEPLOY / "Caddyfile").read_text()
    address = f"https://localhost:{https} {{\n\tbind 127.0.0.1 ::1\n\ttls {certificate} {certificate}"
    changes = {
        r"(?m)^\{\n\tservers": "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tservers",
        r"(?m)^tv\.example\.com \{": address,
        r"127\.0\.0\.1:8000": f"127.0.0.1:{portal}",
        r"\blog \{": f"log {{\n\t\toutput file {folder}/caddy.log",
        r"(read_\w+) 10s": rf"\1 {CLIENT_SECONDS}s",
        r"lb_try_duration 5s": "lb_try_duration 500ms",
    }
    return _changed(text, changes)


def _changed(text: str, changes: Mapping[str, str]) -> str:
    for pattern, replacement in changes.items():
        text, count = re.subn(pattern, replacement, text)
        assert count, f"{pattern} is not there"
    return text


def certificate_in(folder: Path) -> tuple[Authority, Path]:
    """Return an authority, and the file with its certificate for localhost and the key."""
    authority = make_authority(folder)
    authority.server_context("localhost")
    return authority, folder / "localhost1.pem"


@contextlib.contextmanager
def nginx(
    portal: int,
    https: Port,
    certificate: Path,
    bundle: Path,
    folder: Path,
    changes: Mapping[str, str] | None = None,
) -> Iterator[Proxy]:
    """Run nginx while the block runs."""
    http = free_port()
    site = _changed(nginx_site(portal, https.number, http, certificate, folder), changes or {})
    (folder / "site.conf").write_text(site)
    user = pwd.getpwuid(os.geteuid()).pw_name
    (folder / "nginx.conf").write_text(NGINX.format(user=user, folder=folder))
    https.close()
    command = [need("nginx"), "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "start.log"]
    with _running(command, folder, Proxy(https.number, bundle, folder, http)) as proxy:
        yield proxy


def haproxy_file(portal: int, https: int, certificate: Path, _folder: Path) -> str:
    """Return docs/deploy/haproxy.cfg for one portal, these ports and a certificate with its key; it logs to no file."""
    text = (DEPLOY / "haproxy.cfg").read_text()
    changes = {
        r"bind :443 ssl crt \S+": f"bind 127.0.0.1:{https},[::1]:{https} ssl crt {certificate}",
        r"server first 10\.0\.0\.1:8000": f"server first 127.0.0.1:{portal}",
        r"    server second .*\n": "",
        r"(timeout http-request) 10s": rf"\1 {CLIENT_SECONDS}s",
        r"inter 2s": "inter 200ms",
    }
    return _changed(text, changes)


def _with_one_file(
    name: str, text_for: Callable[[int, int, Path, Path], str], program: str, *options: str
) -> Callable[..., contextlib.AbstractContextManager[Proxy]]:
    """Return what runs a proxy that reads one file, while a block runs.

    Args:
        name: of the file.
        text_for: returns the file for a portal, the port for TLS, a certificate with its key, and a folder.
        program: of the proxy.
        options: of the program; the last is the one for the file.
    """

    @contextlib.contextmanager
    def run(
        portal: int,
        https: Port,
        certificate: Path,
        bundle: Path,
        folder: Path,
        changes: Mapping[str, str] | None = None,
    ) -> Iterator[Proxy]:
        file = folder / name
        file.write_text(_changed(text_for(portal, https.number, certificate, folder), changes or {}))
        https.close()
        with _running([need(program), *options, file], folder, Proxy(https.number, bundle, folder)) as proxy:
            yield proxy

    return run


PROXIES: dict[str, Callable[..., contextlib.AbstractContextManager[Proxy]]] = {
    "nginx": nginx,
    "Caddy": _with_one_file("Caddyfile", caddyfile, "caddy", "run", "--adapter", "caddyfile", "--config"),
    "HAProxy": _with_one_file("haproxy.cfg", haproxy_file, "haproxy", "-f"),
}


@contextlib.contextmanager
def _running(command: list[str | Path], folder: Path, proxy: Proxy) -> Iterator[Proxy]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
    try:
        wait_until_it_answers(process, lambda: accepts(proxy.port), proxy.logs)
        yield proxy
    finally:
        process.terminate()
        process.wait(10)
