"""TLS: the chain and the name are verified, the handshake is part of connecting, and certificates are read once."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import requests

from portal.domain.pins import Pin
from portal.zype.client import ZypeClient
from portal.zype.errors import NotFound, Unavailable
from tests.harness.certificates import Authority, make_authority
from tests.harness.timing import at_most
from tests.zype.scripted_server import Connection, ScriptedServer, answer

PIN = Pin("zizm529")
LINKED = answer(200, {"response": {"linked": True}})
ServeTLS = Callable[[ssl.SSLContext], ScriptedServer]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """A certificate authority that the system trusts."""
    authority = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    return authority


@pytest.fixture
def serve_tls() -> Iterator[Callable[[ssl.SSLContext], ScriptedServer]]:
    servers: list[ScriptedServer] = []

    def serve(context: ssl.SSLContext) -> ScriptedServer:
        servers.append(ScriptedServer(tls=context))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


def test_a_valid_certificate_is_accepted(
    authority: Authority, serve_tls: ServeTLS, make_client: Callable[..., ZypeClient]
) -> None:
    server = serve_tls(authority.server_context("127.0.0.1"))
    client = make_client(server.url)
    client.link(PIN, "consumer")
    server.replies = [answer(404, {"message": ""})]
    with pytest.raises(NotFound):
        client.link(PIN, "consumer")
    assert server.connections == 1


def test_a_chain_of_an_unknown_authority_is_refused(
    authority: Authority, serve_tls: ServeTLS, make_client: Callable[..., ZypeClient], tmp_path: Path
) -> None:
    unknown = tmp_path / "unknown"
    unknown.mkdir()
    assert_refused(serve_tls(make_authority(unknown).server_context("127.0.0.1")), make_client)


def test_a_certificate_of_another_name_is_refused(
    authority: Authority, serve_tls: ServeTLS, make_client: Callable[..., ZypeClient]
) -> None:
    assert_refused(serve_tls(authority.server_context("api.zype.example")), make_client)


def test_an_expired_certificate_is_refused(
    authority: Authority, serve_tls: ServeTLS, make_client: Callable[..., ZypeClient]
) -> None:
    assert_refused(serve_tls(authority.server_context("127.0.0.1", days=-1)), make_client)


def test_another_client_cannot_switch_verification_off(
    authority: Authority, serve_tls: ServeTLS, make_client: Callable[..., ZypeClient]
) -> None:
    server = serve_tls(authority.server_context("login.zype.example"))
    session = requests.Session()
    session.mount("https://", make_client(server.url).login_adapter)
    with pytest.raises(requests.exceptions.SSLError):
        session.get(server.url, verify=False)
    assert not server.requests


@pytest.mark.parametrize(("to_drop", "connections", "received"), [(1, 2, 1), (9, 2, 0)])
def test_a_failure_to_connect_is_retried_once(
    to_drop: int,
    connections: int,
    received: int,
    serve_tls: ServeTLS,
    make_client: Callable[..., ZypeClient],
    authority: Authority,
) -> None:
    server = serve_tls(authority.server_context("127.0.0.1"))
    server.connections_to_drop = to_drop
    with nullcontext() if received else pytest.raises(Unavailable):
        make_client(server.url).link(PIN, "consumer")
    assert server.connections == connections
    assert len(server.requests) == received


def assert_refused(server: ScriptedServer, make_client: Callable[..., ZypeClient]) -> None:
    with pytest.raises(Unavailable) as caught:
        make_client(server.url).link(PIN, "consumer")
    assert "TLS" in str(caught.value)
    assert not server.requests


def test_a_tls_handshake_that_hangs_ends_after_the_connect_time_out_and_is_not_retried(
    server: ScriptedServer, make_client: Callable[..., ZypeClient]
) -> None:
    # The server waits for a whole request in plain text, and so never answers a TLS handshake.
    client = make_client(server.url.replace("http:", "https:"), zype_connect_timeout=0.1)
    with at_most(5), pytest.raises(Unavailable):
        client.link(PIN, "consumer")
    assert server.connections == 1


def refuse_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object, **__: object) -> None:
        raise AssertionError("certificates were read")

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", read)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", read)


def test_without_tls_no_certificates_are_read(
    authority: Authority,
    server: ScriptedServer,
    make_client: Callable[..., ZypeClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_certificates(monkeypatch)
    server.replies = [LINKED]

    make_client(server.url).link(PIN, "consumer")


def test_the_certificates_are_read_once_a_process_when_the_client_is_made(
    authority: Authority,
    serve_tls: ServeTLS,
    make_client: Callable[..., ZypeClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve_tls(authority.server_context("127.0.0.1"))
    client = make_client(server.url)
    refuse_certificates(monkeypatch)

    def answer_and_close(connection: Connection) -> None:
        LINKED(connection)
        connection.close()

    server.replies = [answer_and_close]
    for _ in range(3):
        client.link(PIN, "consumer")
        server.wait_until_closed()
    assert server.connections == 3
