"""``check`` tells a wrong password from a fault of TLS from what can't be reached, and says what to do."""

import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial

import pytest
import redis
import requests
from sqlalchemy.exc import SQLAlchemyError

from portal.commands import check_connections
from portal.commands.advice import ADVICE, with_advice
from portal.commands.findings import CheckFailed, find
from portal.database.database import Database
from portal.database.faults import reason
from portal.mail.smtp import NotSent, SMTPClient
from portal.settings.environment import variable
from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from tests.harness.redis_server import Redis
from tests.harness.servers import free_port

REFUSAL = b'SFATAL\0C28P01\0Mpassword authentication failed for user "portal"\0\0'
NO_COUNTER = "reset +ping +client +hello +select ~* on >hushhushhush"


@pytest.fixture
def redis_server() -> Iterator[Redis]:
    """A Redis with a user who may sign in and look, and nothing else."""
    server = Redis()
    with closing(redis.Redis("127.0.0.1", server.port)) as client:
        client.execute_command("ACL", "SETUSER", "looker", *NO_COUNTER.split())
        client.execute_command("ACL", "SETUSER", "default", "resetpass", ">hushhushhush")
    yield server
    server.close()


def redis_check(url: str) -> str:
    """Return what the check of Redis says."""
    settings = load({"PORTAL_REDIS_URL": url})
    try:
        said = check_connections.redis(settings, url)
    except CheckFailed as failed:
        said = str(failed)
    assert "hushhush" not in said
    assert "127.0.0.1" not in said
    return said


def test_redis_is_written_to_and_each_fault_has_its_sentence(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_connections, "REDIS_SECONDS", 0.5)
    host = f"127.0.0.1:{redis_server.port}"
    assert redis_check(f"redis://:hushhushhush@{host}/0") == "it answers, and counts"
    with closing(redis.Redis("127.0.0.1", redis_server.port, password="hushhushhush")) as client:
        assert client.keys() == []
    for url, sentence in (
        (f"redis://:another@{host}/0", "it refuses the user name or the password"),
        (f"redis://{host}/0", "it refuses the user name or the password"),
        (f"redis://looker:hushhushhush@{host}/0", "may sign in, but not count"),
        (f"rediss://:hushhushhush@{host}/0", "TLS fails"),
        (f"redis://:hushhushhush@127.0.0.1:{free_port()}/0", "unreachable: nothing listens"),
    ):
        assert sentence in redis_check(url), url


@contextmanager
def refusing_postgresql() -> Iterator[int]:
    """Yield the port of a server that speaks no TLS and refuses the password, as PostgreSQL does (its chapter 55)."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    while connection.recv(1024)[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
                        connection.sendall(b"N")
                    connection.sendall(b"E" + (len(REFUSAL) + 4).to_bytes(4, "big") + REFUSAL)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            # A thread that still waits would keep the run of the tests from ending.
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def database_fault(url: str) -> str:
    """Return why a database can't be used."""
    database = Database(url, connections=1)
    try:
        with database.read():
            pytest.fail("it can be used")
    except SQLAlchemyError as error:
        return reason(error)
    finally:
        database.dispose()


def test_each_fault_of_postgresql_has_its_sentence(postgresql_url: str) -> None:
    with refusing_postgresql() as port:
        url = f"postgresql+psycopg://portal:hushhushhush@127.0.0.1:{port}/portal"
        assert database_fault(url) == "it refuses the user name or the password"
        assert database_fault(f"{url}?sslmode=require").startswith("TLS fails")
    assert database_fault(url) == "unreachable: nothing listens at its host and port"
    assert database_fault(f"{postgresql_url}_another") == "it has no database of that name"
    assert database_fault(postgresql_url.replace("portal@", "nobody@")) == "it refuses the user name or the password"
    assert "127.0.0.1" not in database_fault(f"{postgresql_url}?options=-cwrong=1")


def test_every_class_that_a_check_may_show_comes_with_what_to_do() -> None:
    kinds = [smtplib.SMTPException, requests.ConnectionError, requests.Timeout, requests.exceptions.SSLError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        if kind.__module__.partition(".")[0] in ("smtplib", "requests"):
            assert kind.__name__ in ADVICE, kind
    said = with_advice("its metadata: SSLError")
    assert said.startswith("its metadata: TLS fails")
    assert said.endswith(": SSLError")
    assert with_advice("SMTPAuthenticationError 535") == (
        "it refuses the user name or the password: SMTPAuthenticationError 535"
    )
    assert with_advice("the answer has no keys") == "the answer has no keys"


def test_a_mail_server_that_can_not_be_reached_is_told_from_one_without_tls() -> None:
    for scheme, port, name in (("smtp", free_port(), "ConnectionRefusedError"), ("smtps", None, "SSLError")):
        with refusing_postgresql() as other:
            client = SMTPClient(f"{scheme}://127.0.0.1:{port or other}", "localhost", answer_seconds=2)
            with pytest.raises(NotSent) as raised:
                client.check("a@example.com")
        assert name in with_advice(str(raised.value))
        assert ADVICE[name] in with_advice(str(raised.value))


def test_tls_is_told_from_out_of_reach_for_zype_and_the_identity_provider() -> None:
    checks: dict[str, Callable[[Settings], str]] = {"zype_api_url": zype_check}
    checks["staff_oidc_issuer"] = check_connections.staff_provider
    client = {"PORTAL_STAFF_OIDC_CLIENT_ID": "console", "PORTAL_STAFF_OIDC_CLIENT_SECRET": "hushhushhush"}
    with refusing_postgresql() as port:
        for url, sentence in (
            (f"https://127.0.0.1:{port}", "speaks no TLS at that port"),
            (f"https://127.0.0.1:{free_port()}", "unreachable: nothing answers"),
        ):
            for name, check in checks.items():
                oidc = client if name == "staff_oidc_issuer" else {}
                found = find("it", partial(check, load(oidc | {variable(name): url})))
                assert not found.is_ok
                assert sentence in found.text, (name, found.text)
                assert url not in found.text, name


def zype_check(settings: Settings) -> str:
    """Return what the check of the Admin key says."""
    with closing(ZypeClient(settings)) as zype:
        return check_connections.admin_key(zype)
