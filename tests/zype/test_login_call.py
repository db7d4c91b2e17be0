"""Another client's calls to the login service, made through the same wire."""

import time
from collections.abc import Callable, Iterator

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session, OAuthError

from portal.zype.client import ZypeClient
from portal.zype.errors import ContractBroken, Misconfigured, Unavailable, Unknown, ZypeError
from portal.zype.wire import Deadline
from tests.zype.conftest import CLIENT_SECRET
from tests.zype.stand_in import Line, StandIn, answer, leaks

CODE = "made-up-code"
SECRETS = (CLIENT_SECRET, CODE, "made-up-verifier")


@pytest.fixture
def fetch(client: ZypeClient, stand_in: StandIn) -> Iterator[Callable[[], dict[str, object]]]:
    """Return what exchanges a code for a token as the authorization code provider does."""
    session = OAuth2Session("made-up-client", CLIENT_SECRET, redirect_uri="http://127.0.0.1:8000/x")
    session.mount("http://", client.login_adapter)

    def fetch() -> dict[str, object]:
        with client.login_call("POST", "/oauth/token"):
            token: dict[str, object] = session.fetch_token(
                f"{stand_in.url}/oauth/token", code=CODE, code_verifier="made-up-verifier"
            )
            return token
        raise AssertionError("unreachable")

    yield fetch
    session.close()


Fetch = Callable[[], dict[str, object]]


def test_it_lets_a_token_through(fetch: Fetch, stand_in: StandIn) -> None:
    stand_in.plan = [answer(200, {"access_token": "t", "token_type": "bearer"})]
    assert fetch()["access_token"] == "t"
    assert stand_in.seen[0].form["code"] == CODE
    assert "?" not in stand_in.seen[0].target


def test_a_refused_code_is_that_clients_to_judge(fetch: Fetch, stand_in: StandIn) -> None:
    stand_in.plan = [answer(400, {"error": "invalid_grant"})]
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
def test_what_goes_wrong_is_an_error_of_zypes(
    status: int, body: object, expected: type[ZypeError], fetch: Fetch, stand_in: StandIn
) -> None:
    stand_in.plan = [answer(status, body, Retry_After="7", Location="/elsewhere")]
    with pytest.raises(ZypeError) as caught:
        fetch()
    assert type(caught.value) is expected
    assert caught.value.status == status
    assert caught.value.path == "/oauth/token"
    assert caught.value.retry_after == (7 if status in (429, 503) else None)
    assert caught.value.__context__ is None
    assert not leaks(caught.value, SECRETS)
    assert len(stand_in.seen) == 1


def test_a_connection_that_breaks_leaves_it_unknown(fetch: Fetch, stand_in: StandIn) -> None:
    stand_in.plan = [Line.hang_up]
    with pytest.raises(Unknown) as caught:
        fetch()
    assert caught.value.__context__ is None
    assert not leaks(caught.value, SECRETS)


def test_nobody_there_means_that_nothing_was_sent(client: ZypeClient) -> None:
    gone = StandIn()
    gone.close()
    session = requests.Session()
    session.mount("http://", client.login_adapter)
    with pytest.raises(Unavailable), client.login_call("POST", "/oauth/token"):
        session.post(f"{gone.url}/oauth/token")


def test_it_keeps_to_the_deadline_whatever_that_client_asks_for(client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [Line.hang]
    session = requests.Session()
    session.mount("http://", client.login_adapter)
    start = time.monotonic()
    with pytest.raises(Unknown), client.login_call("POST", "/oauth/token", Deadline(0.2)):
        session.post(f"{stand_in.url}/oauth/token", timeout=60)
    assert time.monotonic() - start < 1.5


def test_the_adapter_keeps_a_deadline_outside_a_call_too(
    make_client: Callable[..., ZypeClient], stand_in: StandIn
) -> None:
    stand_in.plan = [Line.hang]
    client = make_client(stand_in.url, zype_read_timeout=0.01)
    session = requests.Session()
    session.mount("http://", client.login_adapter)
    start = time.monotonic()
    with pytest.raises(requests.Timeout):
        session.get(stand_in.url)
    assert time.monotonic() - start < 2.5


def test_failures_of_that_client_open_the_breaker_of_the_login_service(
    fetch: Fetch, client: ZypeClient, stand_in: StandIn
) -> None:
    stand_in.plan = [answer(500, {})]
    for _ in range(10):
        with client.login_call("GET", "/metadata"):
            # What needs no exchange says nothing about the host.
            pass
        with pytest.raises(Unknown):
            fetch()
    with pytest.raises(Unavailable, match="breaker open"):
        fetch()
    assert len(stand_in.seen) == 10
