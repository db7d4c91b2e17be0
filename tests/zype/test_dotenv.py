"""What the file .env says of proxies and certificate authorities holds for every call to another host."""

from functools import partial
from pathlib import Path

import pytest
from requests.utils import should_bypass_proxies

from portal.commands.context import read_environment
from portal.domain.pins import Pin
from portal.pages.auth.handoff.errors import KeysUnavailable
from portal.pages.auth.handoff.keys import PublicKeys
from portal.pages.staff_auth.oidc.errors import ProviderError
from portal.pages.staff_auth.oidc.provider import Provider
from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.errors import NotFound, Unavailable
from tests.harness.certificates import make_authority
from tests.settings.samples import LIVE
from tests.zype.scripted_server import Connection, ScriptedServer, answer, raw

PIN = Pin("zizm529")


def settings_of(dotenv: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Settings:
    """Return the settings of a .env file, in an environment that says nothing of what is in it."""
    for name in ("HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        # The file sets them; this undoes it.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (folder / ".env").write_text(dotenv)
    monkeypatch.chdir(folder)
    return load(read_environment())


def test_a_proxy_in_a_dotenv_file_is_used(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.replies = [raw(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Connection.close)]
    lines = {**LIVE, "HTTPS_PROXY": server.url, "NO_PROXY": "127.0.0.9"}
    dotenv = "".join(f"{name}={value}\n" for name, value in lines.items())
    client = ZypeClient(settings_of(dotenv, monkeypatch, tmp_path))
    with pytest.raises(Unavailable, match="could not connect"):
        client.link(PIN, "consumer")
    client.close()
    assert {request.target for request in server.requests} == {"api.zype.com:443"}
    assert should_bypass_proxies("https://127.0.0.9", None)


def test_the_environment_takes_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("HTTPS_PROXY=http://127.0.0.1:9\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HTTPS_PROXY", "")
    assert not load(read_environment()).outbound_proxy


def test_an_authority_in_a_dotenv_file_is_trusted_by_every_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = make_authority(tmp_path)
    server = ScriptedServer(tls=authority.server_context("127.0.0.1"))
    server.replies = [answer(404, {"message": ""})]
    dotenv = (
        f"PORTAL_ZYPE_API_URL={server.url}\nPORTAL_HANDOFF_JWKS_URL={server.url}/keys\n"
        f"PORTAL_STAFF_OIDC_ISSUER={server.url}\nPORTAL_STAFF_OIDC_CLIENT_ID=id\nPORTAL_STAFF_OIDC_CLIENT_SECRET=word\n"
    )
    for trusted in ("", f"SSL_CERT_FILE={authority.bundle}\n"):
        settings = settings_of(dotenv + trusted, monkeypatch, tmp_path)
        client = ZypeClient(settings)
        for refused, call in (
            (NotFound, partial(client.link, PIN, "consumer")),
            (KeysUnavailable, PublicKeys(str(settings.handoff_jwks_url), settings.outbound_proxy).load),
            (ProviderError, Provider(settings).client().__enter__),
        ):
            received = len(server.requests)
            with pytest.raises(refused if trusted else Exception):
                call()
            assert len(server.requests) - received == bool(trusted), call
        client.close()
    server.close()
