"""What goes over the wire, what never does twice, and what nobody above the wire ever sees."""

import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import requests

from portal.domain.pins import Pin
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.connections import Exchange
from portal.zype.errors import NotFound, Unavailable, Unknown, ZypeError
from portal.zype.wire import Deadline, Wire
from tests.harness.certificates import Authority, make_authority
from tests.zype.conftest import CLIENT_SECRET, KEY
from tests.zype.stand_in import Line, StandIn, answer, leaks, raw

PIN = Pin("zizm529")
LINKED = answer(200, {"response": {"linked": True}})


def test_one_connection_serves_call_after_call(client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [LINKED]
    for _ in range(5):
        client.link(PIN, "consumer")
    assert stand_in.connections == 1


def test_as_many_connections_are_kept_as_calls_may_be_in_flight(
    make_client: Callable[..., ZypeClient], stand_in: StandIn
) -> None:
    calls = 12
    client = make_client(stand_in.url, zype_concurrency=calls)
    for _ in range(2):
        gate = threading.Barrier(calls)
        stand_in.plan = [lambda line, gate=gate: (gate.wait(5), LINKED(line))]  # type: ignore[misc, list-item]
        threads = [threading.Thread(target=client.link, args=(PIN, "consumer")) for _ in range(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert stand_in.connections == calls


def test_a_connection_that_the_host_closed_is_replaced_before_use(client: ZypeClient, stand_in: StandIn) -> None:
    def answer_and_close(line: Line) -> None:
        LINKED(line)
        line.hang_up()

    stand_in.plan = [answer_and_close]
    for _ in range(3):
        client.link(PIN, "consumer")
        time.sleep(0.05)
    assert stand_in.connections == 3
    assert len(stand_in.seen) == 3


def test_a_connection_left_idle_is_not_trusted_with_a_write(
    client: ZypeClient, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.link(PIN, "consumer")
    later = time.monotonic() + 4.1
    monkeypatch.setattr("portal.zype.sockets.time.monotonic", lambda: later)
    client.link(PIN, "consumer")
    assert stand_in.connections == 2


def test_a_write_is_not_sent_again_when_a_kept_connection_breaks(client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [LINKED, Line.hang_up]
    client.link(PIN, "consumer")
    with pytest.raises(Unknown):
        client.link(PIN, "consumer")
    assert [seen.path for seen in stand_in.seen] == ["/pin/link"] * 2


@pytest.mark.parametrize(("to_drop", "connections", "requests_seen"), [(1, 2, 1), (9, 2, 0)])
def test_a_failure_to_connect_is_tried_again_once(
    to_drop: int,
    connections: int,
    requests_seen: int,
    serve_tls: "ServeTLS",
    make_client: Callable[..., ZypeClient],
    authority: "Authority",
) -> None:
    server = serve_tls(authority.server_context("127.0.0.1"))
    server.connections_to_drop = to_drop
    with nullcontext() if requests_seen else pytest.raises(Unavailable):
        make_client(server.url).link(PIN, "consumer")
    assert server.connections == connections
    assert len(server.seen) == requests_seen


def test_a_redirect_is_not_followed(client: ZypeClient, stand_in: StandIn) -> None:
    elsewhere = StandIn()
    try:
        for location in (f"{elsewhere.url}/pin/link", "/pin/link?again", "\xff\xfe", "http://[", ""):
            stand_in.plan = [answer(307, {}, Location=location)]
            with pytest.raises(Unavailable):
                client.link(PIN, "consumer")
        assert not elsewhere.seen
        assert len(stand_in.seen) == 5
    finally:
        elsewhere.close()


def test_cookies_are_not_kept(client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [answer(200, {"access_token": "t"}, Set_Cookie="session=somebody; Path=/")]
    client.token("alice@example.com", "password")
    client.token("bob@example.com", "password")
    assert "cookie" not in stand_in.seen[1].headers


def test_the_environment_is_not_asked_for_a_proxy_unless_it_is_set(
    client: ZypeClient, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    client.link(PIN, "consumer")
    assert len(stand_in.seen) == 1


def test_a_proxy_that_is_set_is_used(
    settings_for: Callable[..., Settings], stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", stand_in.url)
    monkeypatch.setenv("no_proxy", "")
    settings = settings_for("http://127.0.0.2:9").model_copy(update={"outbound_proxy": True})
    client = ZypeClient(settings)
    client.link(PIN, "consumer")
    client.close()
    assert stand_in.seen[0].target.startswith("http://127.0.0.2:9/pin/link?consumer_id=consumer&pin=")


def test_nothing_above_the_connection_sees_the_query_or_the_form(
    settings_for: Callable[..., Settings], stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stand_in.plan = [raw(b"HTTP/1.1 404 No\r\nbad header\r\nContent-Length: 0\r\n\r\n"), Line.hang_up]
    wire = Wire(settings_for(stand_in.url))
    exchange = Exchange(Deadline(2), query=f"api_key={KEY}", form={"client_secret": CLIENT_SECRET})
    for _ in range(2):
        with pytest.raises(ZypeError) as caught:
            wire.send("POST", stand_in.url, "/x", exchange)
        assert not leaks(caught.value, (KEY, CLIENT_SECRET))
    wire.close()
    assert stand_in.seen[0].query == {"api_key": KEY}
    assert stand_in.seen[0].form == {"client_secret": CLIENT_SECRET}
    assert "urllib3" in caplog.text
    assert KEY not in caplog.text
    assert CLIENT_SECRET not in caplog.text
    assert KEY not in repr(exchange)
    assert CLIENT_SECRET not in repr(exchange)


def test_the_adapter_hands_out_clean_responses_and_errors(
    client: ZypeClient, stand_in: StandIn, make_client: Callable[..., ZypeClient]
) -> None:
    session = requests.Session()
    session.mount("http://", client.login_adapter)
    with Exchange(Deadline(2), query=f"api_key={KEY}", form={"client_secret": CLIENT_SECRET}).running():
        response = session.post(f"{stand_in.url}/oauth/token")
        assert KEY in stand_in.seen[0].target
        assert CLIENT_SECRET in stand_in.seen[0].body.decode()
        for text in (response.url, str(response.request.url), str(response.request.body), repr(vars(response))):
            assert KEY not in text
            assert CLIENT_SECRET not in text
        stand_in.plan = [Line.hang_up]
        with pytest.raises(requests.ConnectionError) as caught:
            session.post(f"{stand_in.url}/oauth/token")
    assert not leaks(caught.value, (KEY, CLIENT_SECRET))
    assert caught.value.__context__ is None
    assert caught.value.request is None


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that the system trusts."""
    authority = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    return authority


@pytest.fixture
def serve_tls() -> Iterator[Callable[[ssl.SSLContext], StandIn]]:
    servers: list[StandIn] = []

    def serve(context: ssl.SSLContext) -> StandIn:
        servers.append(StandIn(tls=context))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


ServeTLS = Callable[[ssl.SSLContext], StandIn]


def test_it_speaks_to_a_host_whose_certificate_holds(
    authority: Authority, serve_tls: ServeTLS, make_client: Callable[..., ZypeClient]
) -> None:
    server = serve_tls(authority.server_context("127.0.0.1"))
    client = make_client(server.url)
    client.link(PIN, "consumer")
    server.plan = [answer(404, {"message": ""})]
    with pytest.raises(NotFound):
        client.link(PIN, "consumer")
    assert server.connections == 1


def test_it_speaks_to_no_host_whose_chain_ends_in_a_stranger(
    authority: Authority, serve_tls: ServeTLS, make_client: Callable[..., ZypeClient], tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    assert_refused(serve_tls(make_authority(stranger).server_context("127.0.0.1")), make_client)


def test_it_speaks_to_no_host_with_the_name_of_another(
    authority: Authority, serve_tls: ServeTLS, make_client: Callable[..., ZypeClient]
) -> None:
    assert_refused(serve_tls(authority.server_context("api.zype.example")), make_client)


def test_it_speaks_to_no_host_whose_certificate_has_run_out(
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
    assert not server.seen


def assert_refused(server: StandIn, make_client: Callable[..., ZypeClient]) -> None:
    with pytest.raises(Unavailable) as caught:
        make_client(server.url).link(PIN, "consumer")
    assert "TLS" in str(caught.value)
    assert not server.seen


def test_a_tls_handshake_that_hangs_costs_the_time_to_connect(
    stand_in: StandIn, make_client: Callable[..., ZypeClient]
) -> None:
    # The stand-in waits for a whole request in the clear, and so says nothing to a TLS greeting.
    client = make_client(stand_in.url.replace("http:", "https:"), zype_connect_timeout=0.3)
    start = time.monotonic()
    with pytest.raises(Unavailable):
        client.link(PIN, "consumer")
    assert time.monotonic() - start < 1.5


def test_the_certificates_are_read_once_a_process(
    authority: Authority,
    serve_tls: ServeTLS,
    make_client: Callable[..., ZypeClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve_tls(authority.server_context("127.0.0.1"))
    client = make_client(server.url)

    def read_again(*_: object, **__: object) -> None:
        raise AssertionError("the bundle of certificates was read again")

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", read_again)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", read_again)

    def answer_and_close(line: Line) -> None:
        LINKED(line)
        line.hang_up()

    server.plan = [answer_and_close]
    for _ in range(3):
        client.link(PIN, "consumer")
        time.sleep(0.05)
    assert server.connections == 3
