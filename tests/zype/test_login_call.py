"""Another client's calls to the login service, made through the same wire."""

from collections.abc import Callable, Iterator

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session, OAuthError

from portal.zype.client import ZypeClient
from portal.zype.deadline import Deadline
from portal.zype.errors import ContractBroken, Misconfigured, Unavailable, Unknown, ZypeError
from tests.harness.servers import free_port
from tests.harness.timing import at_most
from tests.zype.conftest import CLIENT_SECRET
from tests.zype.scripted_server import Connection, ScriptedServer, answer, leaks

CODE = "made-up-code"
SECRETS = (CLIENT_SECRET, CODE, "made-up-verifier")


@pytest.fixture
def fetch(client: ZypeClient, server: ScriptedServer) -> Iterator[Callable[[], dict[str, object]]]:
    """Return a function that exchanges a code for a token as the sign-in by code does."""
    session = OAuth2Session("made-up-client", CLIENT_SECRET, redirect_uri="http://127.0.0.1:8000/x")
    session.mount("http://", client.login_adapter)

    def fetch() -> dict[str, object]:
        with client.login_call("POST", "/oauth/token"):
            token: dict[str, object] = session.fetch_token(
                f"{server.url}/oauth/token", code=CODE, code_verifier="made-up-verifier"
            )
            return token
        raise AssertionError("unreachable")

    yield fetch
    session.close()


Fetch = Callable[[], dict[str, object]]


def test_a_token_is_passed_on(fetch: Fetch, server: ScriptedServer) -> None:
    server.replies = [answer(200, {"access_token": "t", "token_type": "bearer"})]
    assert fetch()["access_token"] == "t"
    assert server.requests[0].form["code"] == CODE
    assert "?" not in server.requests[0].target


def test_a_refused_code_is_left_to_that_client(fetch: Fetch, server: ScriptedServer) -> None:
    server.replies = [answer(400, {"error": "invalid_grant"})]
    with pytest.raises(OAuthError, match="invalid_grant"):
        fetch()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, {"error": "server_error"}, Unknown),
        (503, b"busy", Unavailable),
        (429, {"message": "slow down"}, Unavailable),
        (302, b"", Unavailable),
        (403, {"error": "access_denied"}, Misconfigured),
        (200, b"<html>", ContractBroken),
    ],
)
def test_any_other_fault_is_a_zype_error(
    status: int, body: object, expected: type[ZypeError], fetch: Fetch, server: ScriptedServer
) -> None:
    server.replies = [answer(status, body, Retry_After="7", Location="/elsewhere")]
    with pytest.raises(ZypeError) as caught:
        fetch()
    assert type(caught.value) is expected
    assert caught.value.status == status
    assert caught.value.path == "/oauth/token"
    assert caught.value.retry_after == (7 if status in (429, 503) else None)
    assert caught.value.__context__ is None
    assert not leaks(caught.value, SECRETS)
    assert len(server.requests) == 1


def test_a_broken_connection_leaves_the_outcome_unknown(fetch: Fetch, server: ScriptedServer) -> None:
    server.replies = [Connection.close]
    with pytest.raises(Unknown) as caught:
        fetch()
    assert caught.value.__context__ is None
    assert not leaks(caught.value, SECRETS)


def test_a_refused_connection_means_that_nothing_was_sent(client: ZypeClient) -> None:
    session = requests.Session()
    session.mount("http://", client.login_adapter)
    with pytest.raises(Unavailable), client.login_call("POST", "/oauth/token"):
        session.post(f"http://127.0.0.1:{free_port()}/oauth/token")


def test_the_deadline_holds_whatever_time_out_that_client_sets(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [Connection.hang]
    session = requests.Session()
    session.mount("http://", client.login_adapter)
    with at_most(2), pytest.raises(Unknown), client.login_call("POST", "/oauth/token", Deadline(0.3)):
        session.post(f"{server.url}/oauth/token", timeout=60)


def test_the_adapter_has_a_deadline_outside_a_call_too(
    make_client: Callable[..., ZypeClient], server: ScriptedServer
) -> None:
    server.replies = [Connection.hang]
    client = make_client(server.url, zype_read_timeout=0.01)
    session = requests.Session()
    session.mount("http://", client.login_adapter)
    with at_most(2.5), pytest.raises(requests.Timeout):
        session.get(server.url)


def test_failures_of_that_client_open_the_breaker_of_the_login_service(
    fetch: Fetch, client: ZypeClient, server: ScriptedServer
) -> None:
    server.replies = [answer(500, {})]
    for _ in range(10):
        with client.login_call("GET", "/metadata"):
            # Without a request it says nothing about the host.
            pass
        with pytest.raises(Unknown):
            fetch()
    with pytest.raises(Unavailable, match="breaker open"):
        fetch()
    assert len(server.requests) == 10
