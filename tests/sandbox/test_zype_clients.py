"""What Zype's own clients send, to the letter, and what their makers read of the answers.

The contract is ``zype-clients.openapi.json``, written from the facts that are known of those clients. The requests are
held to it too: so a call that no client makes is a fault of the test.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from flask.testing import FlaskClient
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse
from werkzeug.test import TestResponse

from portal.sandbox import seed
from tests.harness.cases import each
from tests.sandbox.conftest import API_KEY, APP_KEY, CLIENT_ID, CLIENT_SECRET, Calls

CONTRACT = OpenAPI.from_dict(json.loads(Path(__file__).with_name("zype-clients.openapi.json").read_text("utf-8")))
ORIGIN = "file://"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
# jQuery's, with which Zype's library for web TVs sends its forms.
JQUERY_FORM = f"{FORM}; charset=UTF-8"


class Client:
    """A client of Zype's whose every request and answer is held to the contract."""

    def __init__(self, http: FlaskClient) -> None:
        self.http = http

    def send(self, line: str, body: str = "", headers: dict[str, str] | None = None) -> TestResponse:
        """Send a request as one of Zype's clients does.

        Args:
            line: method, path and query: ``GET /pin/status/?app_key=…``.
            body: what follows the head.
            headers: of the request.
        """
        method, _, target = line.partition(" ")
        path, _, query = target.partition("?")
        answer = self.http.open(path, method=method, query_string=query, data=body or None, headers=headers)
        sent = MockRequest(
            "https://api.zype.com",
            method.lower(),
            path.rstrip("/"),
            args=dict(parse_qsl(query)),
            headers=headers or {},
            data=body.encode() or None,
            content_type=(headers or {}).get("Content-Type", "").partition(";")[0],
        )
        received = MockResponse(answer.data, answer.status_code, dict(answer.headers), answer.mimetype)
        CONTRACT.validate_request(sent)
        CONTRACT.validate_response(sent, received)
        return answer


@pytest.fixture
def zype(calls: Calls) -> Iterator[Client]:
    return Client(calls.http)


def test_the_roku_app(zype: Client, calls: Calls) -> None:
    """A form to acquire, a query to read, a slash at the end of both, and none at the end of unlink."""
    form = urlencode({"linked_device_id": "roku-1", "type": "roku", "app_key": APP_KEY})
    pin = zype.send("POST /pin/acquire/", form, {"Content-Type": FORM}).json["response"]["pin"]
    status = f"GET /pin/status/?linked_device_id=roku-1&type=roku&app_key={APP_KEY}"
    assert zype.send(status).json["response"]["linked"] is False
    calls.link(pin)
    assert zype.send(status).json["response"]["linked"] is True
    zype.send(f"PUT /pin/unlink?consumer_id={seed.ALICE.id}&pin={pin}&app_key={APP_KEY}")
    assert zype.send(status).json["response"]["linked"] is False


def test_the_tizen_library(zype: Client, calls: Calls) -> None:
    """Forms with ``_method``, from a page of its own, with credentials."""
    headers = {"Content-Type": JQUERY_FORM, "Origin": ORIGIN}

    def post(path: str, **fields: str) -> TestResponse:
        answer = zype.send(f"POST {path}", urlencode({"app_key": APP_KEY, **fields}), headers)
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        return answer

    pin = post("/pin/acquire", linked_device_id="tizen-1").json["response"]["pin"]
    status = f"GET /pin/status?app_key={APP_KEY}&linked_device_id=tizen-1"
    assert zype.send(status, headers={"Origin": ORIGIN}).json["response"]["linked"] is False
    assert post("/pin/link", _method="put", consumer_id=seed.ALICE.id, pin=pin).json["response"]["linked"] is True
    assert calls.devices() == ["tizen-1"]
    assert post("/pin/unlink", _method="put", consumer_id=seed.ALICE.id, pin=pin).json["response"]["linked"] is False
    body = urlencode({"email": seed.ALICE.email, "app_key": APP_KEY})
    assert zype.send("PUT /consumers/forgot_password", body, headers).status_code == 200
    assert [call["method"] for call in calls.http.get("/sandbox/record").json] == ["PUT", "PUT"]


def test_the_fire_tv_app(zype: Client, calls: Calls) -> None:
    """Everything in the query, and a token for device id and PIN."""
    acquire = f"POST /pin/acquire?linked_device_id=fire-1&type=aftv&app_key={APP_KEY}"
    pin = zype.send(acquire).json["response"]["pin"]
    calls.link(pin)
    assert zype.send(f"GET /pin/status?linked_device_id=fire-1&app_key={APP_KEY}").json["response"]["pin"] == pin
    device = {"grant_type": "password", "client_id": seed.TV_CLIENT_ID, "linked_device_id": "fire-1", "pin": pin}
    token = zype.send("POST /oauth/token", urlencode(device), {"Content-Type": FORM}).json["access_token"]
    info = zype.send(f"GET /oauth/token/info/?access_token={token}").json
    assert info["resource_owner_id"] == seed.ALICE.id
    assert (info["scopes"], info["expires_in_seconds"]) == (info["scope"], info["expires_in"])
    viewer = f"GET /consumers/{seed.ALICE.id}?access_token={token}"
    assert zype.send(viewer).json["response"]["name"] == seed.ALICE.name

    zype.send(f"PUT /pin/unlink?consumer_id={seed.ALICE.id}&pin={pin}&app_key={APP_KEY}")

    assert zype.send(f"GET /oauth/token/info/?access_token={token}").status_code == 401
    assert zype.send(viewer).status_code == 401


def test_the_ruby_gem(zype: Client, calls: Calls) -> None:
    """The key in a header, and the query for PUT too."""
    pin = calls.acquire("ruby-1")
    admin, app = {"x-zype-key": API_KEY}, {"x-zype-app-key": APP_KEY}
    assert zype.send("GET /pin/status?linked_device_id=ruby-1", headers=app).json["response"]["linked"] is False
    assert zype.send(f"PUT /pin/link?consumer_id={seed.ALICE.id}&pin={pin}", headers=admin).status_code == 200
    assert zype.send(f"GET /consumers/{seed.ALICE.id}", headers=admin).status_code == 200
    assert zype.send(f"GET /consumers?email={seed.ALICE.email}", headers=admin).status_code == 200
    assert zype.send(f"GET /consumers/{seed.ALICE.id}", headers=app).status_code == 403


def test_the_wordpress_plugin(zype: Client, calls: Calls) -> None:
    pin = calls.acquire("tv-1")
    line = f"PUT /pin/link?api_key={API_KEY}&consumer_id={seed.ALICE.id}&pin={pin}"
    assert zype.send(line).json["response"]["linked"] is True


def test_the_documentation_of_the_login_service(zype: Client) -> None:
    """JSON bodies: a password, a refresh token, and the end of both."""
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    def post(path: str, **fields: str) -> TestResponse:
        return zype.send(f"POST {path}", json.dumps({**client, **fields}), {"Content-Type": JSON})

    password = {"grant_type": "password", "username": seed.ALICE.email, "password": seed.ALICE.password}
    first = post("/oauth/token", **password).json
    second = post("/oauth/token", grant_type="refresh_token", refresh_token=first["refresh_token"]).json
    assert zype.send(f"GET /oauth/token/info?access_token={first['access_token']}").status_code == 401
    assert zype.send(f"GET /oauth/token/info?access_token={second['access_token']}").status_code == 200
    again = post("/oauth/token", grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (again.status_code, again.json["error"]) == (400, "invalid_grant")
    assert post("/oauth/introspect", token=second["access_token"]).json["active"] is True
    assert post("/oauth/revoke", token=second["access_token"]).status_code == 200
    assert post("/oauth/introspect", token=second["access_token"]).json == {"active": False}
    own = post("/oauth/token", grant_type="client_credentials").json
    assert zype.send(f"GET /oauth/token/info?access_token={own['access_token']}").json["resource_owner_id"] is None


def test_a_linked_tv_signs_in_by_json_too(zype: Client, calls: Calls) -> None:
    pin = calls.acquire("tv-1")
    calls.link(pin)
    fields = {"grant_type": "password", "client_id": seed.TV_CLIENT_ID, "linked_device_id": "tv-1", "pin": pin}
    assert zype.send("POST /oauth/token", json.dumps(fields), {"Content-Type": JSON}).status_code == 200


def test_another_pin_for_a_device_ends_the_tokens_of_the_last(calls: Calls) -> None:
    pin = calls.acquire("tv-1")
    calls.link(pin)
    fields = {"grant_type": "password", "client_id": seed.TV_CLIENT_ID, "linked_device_id": "tv-1", "pin": pin}
    token = calls.http.post("/oauth/token", data=fields).json["access_token"]
    calls.acquire("tv-1")
    assert calls.info(token).status_code == 401


def test_the_metadata_have_the_shape_of_zypes(zype: Client) -> None:
    found = zype.send("GET /.well-known/oauth-authorization-server").json
    assert found["issuer"] == "http://localhost"
    assert found["introspection_endpoint"] == "http://localhost/oauth/introspect"


def test_a_page_of_another_origin_may_ask_first(calls: Calls) -> None:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"}
    for path in ("/pin/unlink", "/oauth/token", f"/consumers/{seed.ALICE.id}"):
        answer = calls.http.options(path, headers=headers)
        assert answer.status_code == 200, path
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN, path
        assert "PUT" in answer.headers["Access-Control-Allow-Methods"], path
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"], path


@pytest.mark.parametrize("path", ["/mail.json", "/sandbox/record", "/", "/authenticator"])
def test_a_page_of_another_origin_reads_no_page_of_the_sandbox(calls: Calls, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in calls.http.get(path, headers={"Origin": ORIGIN}).headers


@each("path", ["/pin/link", "/pin/unlink", "/consumers/forgot_password"])
def test_a_post_is_no_put_unless_it_says_so(calls: Calls, path: str) -> None:
    fields = {"app_key": APP_KEY, "consumer_id": seed.ALICE.id, "pin": "good", "email": seed.ALICE.email}
    assert calls.http.post(path, data=fields).status_code == 404
    assert calls.http.post(path, data={**fields, "_method": "delete"}).status_code == 404
    assert calls.devices() == []


@each("path", ["/pin/acquire", "/oauth/token"])
def test_a_body_that_is_no_json_is_refused(calls: Calls, path: str) -> None:
    for body in ("{", "[]", '"text"'):
        answer = calls.http.post(path, data=body, headers={"Content-Type": JSON})
        assert answer.status_code in (400, 401), body


def test_the_contract_would_catch_a_wrong_request_or_answer() -> None:
    with pytest.raises(OpenAPIError):
        CONTRACT.validate_request(MockRequest("https://api.zype.com", "get", "/pin/acquire"))
    request = MockRequest("https://api.zype.com", "get", "/pin/status", args={"linked_device_id": "tv"})
    CONTRACT.validate_request(request)
    broken: dict[str, Any] = {"response": {"pin": 7}}
    with pytest.raises(OpenAPIError):
        CONTRACT.validate_response(request, MockResponse(json.dumps(broken).encode()))
