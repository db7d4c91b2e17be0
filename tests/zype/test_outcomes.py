"""Each row of the table of outcomes, with answers from the wire."""

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.zype.client import ZypeClient
from portal.zype.errors import (
    BadCredentials,
    Misconfigured,
    NotFound,
    Refused,
    Unavailable,
    Unknown,
    ZypeError,
    map_answer,
)
from portal.zype.payloads import DevicePin
from tests.harness.cases import each
from tests.harness.servers import free_port
from tests.zype.calls import CALLS, CONSUMER, EMAIL, PASSWORD, PIN, SECRETS, TOKEN
from tests.zype.conftest import error_of, new_client
from tests.zype.scripted_server import ScriptedServer, answer, leaks

FOR_ALL = {
    403: Misconfigured,
    404: NotFound,
    422: Refused,
    301: Unavailable,
    302: Unavailable,
    307: Unavailable,
    308: Unavailable,
    304: Unavailable,
    405: Unavailable,
    410: Unavailable,
    418: Unavailable,
    429: Unavailable,
    503: Unavailable,
    201: Unknown,
    202: Unknown,
    204: Unknown,
    206: Unknown,
    500: Unknown,
    501: Unknown,
    502: Unknown,
    504: Unknown,
    520: Unknown,
    999: Unknown,
}


def outcome_of(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ZypeError as error:
        return error


@each("status", FOR_ALL)
@each("call", CALLS)
def test_the_status_decides_the_error(call: str, status: int, server: ScriptedServer) -> None:
    server.replies = [answer(status, {"message": "Device Pin linked to consumer"})]
    with new_client(server) as client:
        error = error_of(lambda: CALLS[call](client))
    assert type(error) is FOR_ALL[status]
    assert error.status == status
    assert len(server.requests) == 1
    assert not leaks(error, SECRETS)


@each("call", ["link", "unlink", "pin_status", "consumer", "consumers_by_email", "revoke"])
def test_a_401_means_that_the_key_is_wrong(call: str, server: ScriptedServer) -> None:
    server.replies = [answer(401, {"message": "Invalid or missing authentication."})]
    with new_client(server) as client:
        assert type(error_of(lambda: CALLS[call](client))) is Misconfigured


@each("status", [400, 401])
@each(
    "body, expected",
    [
        ({"error": "invalid_client"}, Misconfigured),
        ({"error": "unauthorized_client"}, Misconfigured),
        ({"error": "unsupported_grant_type"}, Misconfigured),
        ({"error": "invalid_scope"}, Misconfigured),
        ({"error": "invalid_request"}, Misconfigured),
        ({"error": "invalid_grant", "error_description": "invalid_client"}, BadCredentials),
        ({"error": "something else"}, BadCredentials),
        ({"error": 17}, BadCredentials),
        ({"message": "invalid_client"}, BadCredentials),
        (b"<html>", BadCredentials),
    ],
)
def test_a_refused_grant_is_about_the_client_or_about_the_viewer(
    status: int, body: object, expected: type[ZypeError], server: ScriptedServer
) -> None:
    server.replies = [answer(status, body)]
    with new_client(server) as client:
        error = error_of(lambda: client.token(EMAIL, PASSWORD))
    assert type(error) is expected
    assert (error.status, error.path) == (status, "/oauth/token")
    assert not leaks(error, SECRETS)


def test_an_unknown_token_is_no_misconfiguration(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(401, {"error": "invalid_token"})]
    error = error_of(lambda: client.token_info(TOKEN))
    assert (type(error), error.status) == (BadCredentials, 401)
    server.replies = [answer(400, {"error": "invalid_client"})]
    error = error_of(lambda: client.token_info(TOKEN))
    assert (type(error), error.status) == (Unavailable, 400)


@each(
    "status, header, seconds",
    [
        (429, "7", 7),
        (503, " 120 ", 120),
        (503, "0", 1),
        (429, "86400", 3600),
        (429, "9" * 5000, None),
        (429, "soon", None),
        (429, "-5", None),
        (429, "1.5", None),
        (429, "", None),
        (429, "Mon, 99 Foo 2026 99:99:99 GMT", None),
        (429, "Thu, 01 Jan 1970 00:00:00 GMT", 1),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        (422, "7", None),
    ],
)
def test_retry_after_is_read_within_bounds(status: int, header: str, seconds: float | None) -> None:
    error = map_answer("PUT", "/pin/link", status, retry_after=header)
    assert error.retry_after == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_retry_after_may_be_a_date(zone: str, client: ZypeClient, server: ScriptedServer) -> None:
    with time_machine.travel(1_800_000_000, tick=False):
        date = formatdate(time.time() + 60, usegmt=True).replace("GMT", zone)
        server.replies = [answer(503, {}, Retry_After=date)]
        error = error_of(lambda: client.link(PIN, CONSUMER))
    assert error.retry_after == 60


@each(
    "status, method, retryable",
    [
        (429, "PUT", True),
        (503, "PUT", True),
        (302, "PUT", False),
        (409, "PUT", False),
        (404, "PUT", False),
        (500, "PUT", False),
        (500, "GET", True),
    ],
)
def test_an_error_says_whether_the_call_may_be_retried(status: int, method: str, retryable: bool) -> None:
    error = map_answer(method, "/pin/link", status)
    assert error.retryable is retryable


def test_the_text_of_an_error_is_for_a_log(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(404, {"message": f"no {PIN.secret}"})]
    error = error_of(lambda: client.link(PIN, CONSUMER))
    assert str(error) == "PUT /pin/link: not found (status 404)"
    assert (error.method, error.path, error.status) == ("PUT", "/pin/link", 404)


def test_a_refused_connection_means_that_nothing_was_sent(make_client: Callable[..., ZypeClient]) -> None:
    error = error_of(lambda: make_client(f"http://127.0.0.1:{free_port()}").link(PIN, CONSUMER))
    assert type(error) is Unavailable
    assert error.retryable
    assert error.status is None
    assert not leaks(error, SECRETS)


NAMES = st.sampled_from(
    [
        *("response", "linked", "linked true", "consumer_id", "linked_device_id", "pin", "_id", "linked_devices"),
        *("subscription_count", "access_token", "resource_owner_id", "error"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    status=st.sampled_from([200, 200, 200, 400, 401, *FOR_ALL]) | st.integers(200, 999),
    body=JSON | st.binary(max_size=60),
    header=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
    call=st.sampled_from(sorted(CALLS)),
)
def test_any_status_with_any_body_gives_a_result_or_a_zype_error(
    status: int, body: object, header: str, call: str, server: ScriptedServer, client: ZypeClient
) -> None:
    server.replies = [answer(status, body, Retry_After=header, Location=header), answer(404)]
    outcome = outcome_of(lambda: CALLS[call](client))
    if isinstance(outcome, ZypeError):
        # The second answer closes the breaker.
        outcome_of(lambda: CALLS[call](client))
        assert not leaks(outcome, SECRETS)
        assert outcome.__context__ is None
    else:
        assert status == 200
        assert call != "link" or isinstance(outcome, DevicePin)
