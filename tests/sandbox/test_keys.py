"""Who may call what: the portal's key, a TV's weaker one, and none."""

import pytest

from portal.sandbox import seed
from tests.harness.cases import each
from tests.sandbox.conftest import API_KEY, APP_KEY, Calls

FOR_TVS = [("POST", "/pin/acquire"), ("GET", "/pin/status")]
FOR_THE_PORTAL = [
    ("PUT", "/pin/link"),
    ("PUT", "/pin/unlink"),
    ("GET", "/consumers"),
    ("GET", f"/consumers/{seed.ALICE.id}"),
]


@each("method, path", FOR_TVS + FOR_THE_PORTAL)
@each("key", [{}, {"api_key": ""}, {"api_key": "wrong"}, {"api_key": APP_KEY}, {"app_key": API_KEY}])
def test_a_call_without_a_valid_key_is_refused(calls: Calls, method: str, path: str, key: dict[str, str]) -> None:
    query = {"linked_device_id": "tv", "consumer_id": seed.ALICE.id, "pin": "good", **key}
    answer = calls.http.open(path, method=method, query_string=query)
    assert answer.status_code == 401
    assert answer.json.keys() == {"message"}
    assert calls.devices() == []


@each("method, path", FOR_THE_PORTAL)
def test_an_app_key_is_refused_for_the_portals_calls(calls: Calls, method: str, path: str) -> None:
    query = {"consumer_id": seed.ALICE.id, "pin": "good", "app_key": APP_KEY}
    answer = calls.http.open(path, method=method, query_string=query)
    assert answer.status_code == 403
    assert answer.json.keys() == {"message"}
    assert calls.devices() == []


@pytest.mark.parametrize(("method", "path"), FOR_TVS)
@pytest.mark.parametrize("key", [{"app_key": APP_KEY}, {"api_key": API_KEY}])
def test_a_tvs_calls_accept_either_key(calls: Calls, method: str, path: str, key: dict[str, str]) -> None:
    calls.acquire()
    assert calls.http.open(path, method=method, query_string={"linked_device_id": "tv", **key}).status_code < 300


def test_a_key_is_read_only_from_the_query(calls: Calls) -> None:
    answer = calls.http.put("/pin/link", data={"api_key": API_KEY, "consumer_id": seed.ALICE.id, "pin": "good"})
    assert answer.status_code == 401


def test_it_answers_a_wrong_path_or_method_with_a_message(calls: Calls) -> None:
    for answer, status in ((calls.get("/pin/link"), 405), (calls.get("/nowhere"), 404)):
        assert answer.status_code == status
        assert answer.json.keys() == {"message"}
