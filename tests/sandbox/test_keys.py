"""Who may call what: an Admin key, an App key, which reads no consumer, and no key."""

from portal.sandbox import seed
from tests.harness.cases import each
from tests.sandbox.conftest import API_KEY, APP_KEY, Calls

FOR_EITHER_KEY = [
    ("POST", "/pin/acquire"),
    ("GET", "/pin/status"),
    ("PUT", "/pin/link"),
    ("PUT", "/pin/unlink"),
]
FOR_AN_ADMIN_KEY = [("GET", "/consumers"), ("GET", f"/consumers/{seed.ALICE.id}")]


@each("method, path", FOR_EITHER_KEY + FOR_AN_ADMIN_KEY)
@each("key", [{}, {"api_key": ""}, {"api_key": "wrong"}, {"api_key": APP_KEY}, {"app_key": API_KEY}])
def test_a_call_without_a_valid_key_is_refused(calls: Calls, method: str, path: str, key: dict[str, str]) -> None:
    query = {"linked_device_id": "tv", "consumer_id": seed.ALICE.id, "pin": "good", **key}
    answer = calls.http.open(path, method=method, query_string=query)
    assert answer.status_code == 401
    assert answer.json.keys() == {"message"}
    assert calls.devices() == []


@each("method, path", FOR_AN_ADMIN_KEY)
def test_an_app_key_reads_no_consumer(calls: Calls, method: str, path: str) -> None:
    answer = calls.http.open(path, method=method, query_string={"app_key": APP_KEY})
    assert answer.status_code == 403
    assert answer.json.keys() == {"message"}


@each("key", [{"app_key": APP_KEY}, {"api_key": API_KEY}])
def test_a_pins_calls_accept_either_key(calls: Calls, key: dict[str, str]) -> None:
    fields = {"linked_device_id": f"tv-{len(key)}", "consumer_id": seed.ALICE.id, **key}
    pin = calls.http.post("/pin/acquire", query_string=fields).json["response"]["pin"]
    assert calls.http.get("/pin/status", query_string=fields).status_code == 200
    for path in ("/pin/link", "/pin/unlink"):
        assert calls.http.put(path, query_string={**fields, "pin": pin}).status_code == 200


@each("way", ["query_string", "data", "json"])
def test_keys_and_parameters_come_in_the_query_a_form_or_json(calls: Calls, way: str) -> None:
    fields = {"api_key": API_KEY, "consumer_id": seed.ALICE.id, "pin": "good"}
    assert calls.http.put("/pin/link", **{way: fields}).status_code == 200
    assert calls.http.put("/pin/link", **{way: {**fields, "api_key": "wrong"}}).status_code == 401


def test_it_answers_a_wrong_path_or_method_with_a_message(calls: Calls) -> None:
    for answer, status in ((calls.get("/pin/link"), 405), (calls.get("/nowhere"), 404)):
        assert answer.status_code == status
        assert answer.json.keys() == {"message"}
