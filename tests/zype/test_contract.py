"""The client and the sandbox against Zype's own specification of PUT /pin/link.

``link-device-pin.openapi.json`` is that specification, unchanged. It knows the answers 200 and 404; what
else Zype answers in practice (422, 429, 5xx, broken answers) is covered by the other tests in this folder.
"""

import copy
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from portal.domain.pins import Pin
from portal.sandbox.app import create_app
from portal.sandbox.seed import ALICE
from portal.sandbox.state import Sandbox
from portal.zype.client import ZypeClient
from portal.zype.errors import NotFound
from tests.harness.servers import acceptor
from tests.zype.conftest import CLIENT_SECRET, KEY

SPECIFICATION: dict[str, Any] = json.loads(
    Path(__file__).with_name("link-device-pin.openapi.json").read_text(encoding="utf-8")
)
APP_KEY = "made-up-app-key"

# Where the specification says string or number, Zype's own sample of a PIN that is not linked yet has null.
# These three are the fields that are null in that sample; nothing else of the specification is relaxed.
NULL_IN_REAL_ANSWERS = ("consumer_id", "deleted_at", "subscription_count")
SAMPLE = {
    "_id": "57113fc6f283474159000004",
    "consumer_id": None,
    "created_at": "2016-04-15T15:23:50.198-04:00",
    "deleted_at": None,
    "device_id": None,
    "linked_device_id": "sdkjafklsjdklfjasdf",
    "pin": "zizm529",
    "pin_expiration": "2016-04-15T15:53:50.195-04:00",
    "site_id": "5468fd6569702d17ee500000",
    "updated_at": "2016-04-15T15:23:50.198-04:00",
    "linked": False,
    "subscription_count": None,
}


def with_nulls(specification: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the specification with null allowed for some fields of a DevicePin."""
    relaxed = copy.deepcopy(specification)
    answer = relaxed["paths"]["/pin/link"]["put"]["responses"]["200"]["content"]["application/json"]
    for name in names:
        answer["schema"]["properties"]["response"]["properties"][name]["nullable"] = True
    return relaxed


CONTRACT = OpenAPI.from_dict(with_nulls(SPECIFICATION, NULL_IN_REAL_ANSWERS))


@dataclass
class Recorder:
    """WSGI middleware around the sandbox that records each request and its response."""

    app: Callable[..., Iterable[bytes]]
    recorded: list[tuple[MockRequest, MockResponse]] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        response = Response.from_app(self.app, environ)
        # The specification names one server, which the sandbox replaces.
        received = MockRequest(
            "https://api.zype.com",
            request.method.lower(),
            request.path,
            args=request.args.to_dict(),
            headers=dict(request.headers),
            data=body or None,
        )
        answered = MockResponse(
            response.get_data(), response.status_code, dict(response.headers), response.mimetype or ""
        )
        self.recorded.append((received, answered))
        return response(environ, start_response)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(
        create_app(
            Sandbox(
                api_key=KEY,
                client_id="made-up-client",
                client_secret=CLIENT_SECRET,
                activate_url="http://127.0.0.1:8000/activate",
                app_key=APP_KEY,
            )
        )
    )


@pytest.fixture
def zype(recorder: Recorder, make_client: Callable[..., ZypeClient]) -> Iterator[ZypeClient]:
    """A client whose calls go through the recorder to a sandbox."""
    server = make_server("127.0.0.1", 0, recorder, threaded=True)
    with acceptor().accepting(server):
        yield make_client(f"http://127.0.0.1:{server.server_port}", zype_read_timeout=5)


def acquire(recorder: Recorder, device: str) -> str:
    """Have a TV ask for a PIN."""
    client = recorder.app.test_client()  # type: ignore[attr-defined]
    answer = client.post("/pin/acquire", query_string={"linked_device_id": device, "app_key": APP_KEY})
    pin: str = answer.get_json()["response"]["pin"]
    return pin


def test_a_tv_is_linked_by_the_contract(recorder: Recorder, zype: ZypeClient) -> None:
    pin = Pin(acquire(recorder, "tv-1"))
    linked = zype.link(pin, ALICE.id)
    assert (linked.consumer_id, linked.linked, linked.linked_device_id) == (ALICE.id, True, "tv-1")
    ((request, response),) = recorder.recorded
    CONTRACT.validate_request(request)
    CONTRACT.validate_response(request, response)


@pytest.mark.parametrize("word", ["good", "silent", "nameless", "another", "unlinked", "empty", "used", "expired"])
def test_a_magic_pin_with_a_documented_status_keeps_the_contract(
    word: str, recorder: Recorder, zype: ZypeClient
) -> None:
    answered = outcome_of(lambda: zype.link(Pin(word), ALICE.id))
    ((request, response),) = recorder.recorded
    assert response.status_code == (404 if answered is NotFound else 200)
    CONTRACT.validate_request(request)
    CONTRACT.validate_response(request, response)


def test_an_unknown_pin_is_answered_by_the_contract(recorder: Recorder, zype: ZypeClient) -> None:
    with pytest.raises(NotFound):
        zype.link(Pin("zzzzzz9"), ALICE.id)
    ((request, response),) = recorder.recorded
    CONTRACT.validate_request(request)
    CONTRACT.validate_response(request, response)


@pytest.mark.parametrize("pin", ["zizm529", "a&b=c", "ü", "1 2"])
@pytest.mark.parametrize("consumer_id", [ALICE.id, "a/b&pin=x"])
def test_every_call_is_one_valid_request(pin: str, consumer_id: str, recorder: Recorder, zype: ZypeClient) -> None:
    outcome_of(lambda: zype.link(Pin(pin), consumer_id))
    ((request, _),) = recorder.recorded
    CONTRACT.validate_request(request)
    assert dict(request.parameters.query) == {"consumer_id": consumer_id, "pin": pin, "api_key": KEY}


def outcome_of(call: Callable[[], object]) -> object:
    """Return what a call returns, or the class of what it raises."""
    try:
        return call()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("missing", ["consumer_id", "pin", "api_key"])
def test_the_contract_would_catch_a_request_without(missing: str) -> None:
    query = {"consumer_id": ALICE.id, "pin": "zizm529", "api_key": KEY}
    del query[missing]
    with pytest.raises(OpenAPIError):
        CONTRACT.validate_request(MockRequest("https://api.zype.com", "put", "/pin/link", args=query))


def validate(contract: OpenAPI, pin: dict[str, Any]) -> None:
    query = {"consumer_id": ALICE.id, "pin": "zizm529", "api_key": KEY}
    request = MockRequest("https://api.zype.com", "put", "/pin/link", args=query)
    contract.validate_response(request, MockResponse(json.dumps({"response": pin}).encode()))


def test_the_contract_would_catch_an_answer_with_a_wrong_type() -> None:
    with pytest.raises(OpenAPIError):
        validate(CONTRACT, {**SAMPLE, "pin": 7})


def test_the_relaxed_fields_are_those_that_the_sample_needs() -> None:
    validate(CONTRACT, SAMPLE)
    for name in NULL_IN_REAL_ANSWERS:
        others = [other for other in NULL_IN_REAL_ANSWERS if other != name]
        with pytest.raises(OpenAPIError):
            validate(OpenAPI.from_dict(with_nulls(SPECIFICATION, others)), SAMPLE)
