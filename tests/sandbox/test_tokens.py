"""The token endpoint: grants, token info, expiry and revocation."""

import pytest

from portal.sandbox import seed
from tests.harness.cases import each
from tests.sandbox.conftest import CLIENT_ID, CLIENT_SECRET, Calls, Clock

PASSWORD = {"grant_type": "password", "username": "alice@example.com", "password": "alice-password"}


@pytest.mark.parametrize(
    "consumer", [seed.ALICE, seed.MALLORY, seed.Consumer(f"{42:024x}", "u42@example.com", "pw-42", "", "ids", 1)]
)
def test_it_gives_a_token_for_a_password(calls: Calls, consumer: seed.Consumer) -> None:
    answer = calls.token(grant_type="password", username=consumer.email, password=consumer.password)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope", "created_at"}
    assert answer.json["token_type"] == "bearer"
    info = calls.info(answer.json["access_token"]).json
    assert info["resource_owner_id"] == consumer.id
    assert info["application"] == {"uid": CLIENT_ID}
    assert info["scope"] == ["consumer_profile.read"]
    assert info["expires_in"] == answer.json["expires_in"] == 604_800


def test_a_tv_may_sign_in_with_a_password_too(calls: Calls) -> None:
    assert calls.token(**PASSWORD, client_id=seed.TV_CLIENT_ID, client_secret="").status_code == 200


def test_it_takes_the_client_by_basic_authentication_too(calls: Calls) -> None:
    answer = calls.http.post("/oauth/token", data=PASSWORD, auth=(CLIENT_ID, CLIENT_SECRET))
    assert answer.status_code == 200


@each(
    "form, status, error",
    [
        ({"password": "wrong"}, 400, "invalid_grant"),
        ({"username": "nobody@example.com"}, 400, "invalid_grant"),
        ({"username": ""}, 400, "invalid_request"),
        ({"password": ""}, 400, "invalid_request"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "implicit"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "made-up"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"client_id": seed.TV_CLIENT_ID}, 401, "invalid_client"),
        (
            {"client_id": seed.TV_CLIENT_ID, "client_secret": "", "grant_type": "client_credentials"},
            400,
            "unauthorized_client",
        ),
    ],
)
def test_a_refused_grant_has_an_error_code(calls: Calls, form: dict[str, str], status: int, error: str) -> None:
    answer = calls.token(**(PASSWORD | form))
    assert (answer.status_code, answer.json["error"]) == (status, error)
    assert answer.json.keys() == {"error", "error_description"}


def test_a_linked_tv_signs_in_with_its_device_id_and_pin(calls: Calls) -> None:
    pin = calls.acquire()
    tv = {"client_id": seed.TV_CLIENT_ID, "client_secret": "", "grant_type": "password"}
    assert calls.token(**tv, linked_device_id="tv", pin=pin).json["error"] == "invalid_grant"

    calls.link(pin)

    answer = calls.token(**tv, linked_device_id="tv", pin=pin)
    assert calls.info(answer.json["access_token"]).json["resource_owner_id"] == seed.ALICE.id
    assert calls.token(**tv, linked_device_id="tv", pin="zizm529").json["error"] == "invalid_grant"
    assert calls.token(**tv, linked_device_id="other", pin=pin).json["error"] == "invalid_grant"
    assert calls.token(grant_type="password", linked_device_id="tv", pin=pin).status_code == 200
    calls.unlink(pin)
    assert calls.token(**tv, linked_device_id="tv", pin=pin).json["error"] == "invalid_grant"


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_an_access_or_refresh_token_revokes_both(calls: Calls, name: str) -> None:
    token = calls.token(**PASSWORD).json
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    assert calls.http.post("/oauth/revoke", data={**client, "token": token[name]}).status_code == 200

    answer = calls.info(token["access_token"])
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_token")
    assert calls.http.post("/oauth/revoke", data={**client, "token": token[name]}).status_code == 200


@pytest.mark.parametrize(
    "client", [{}, {"client_id": CLIENT_ID, "client_secret": "wrong"}, {"client_id": seed.TV_CLIENT_ID}]
)
def test_another_client_gets_200_and_revokes_nothing(calls: Calls, client: dict[str, str]) -> None:
    token = calls.token_of(seed.ALICE)
    assert calls.http.post("/oauth/revoke", data={**client, "token": token}).status_code == 200
    assert calls.info(token).status_code == 200


def test_a_token_expires_after_seven_days(calls: Calls, clock: Clock) -> None:
    token = calls.token_of(seed.ALICE)
    clock.advance(days=6)
    assert calls.info(token).json["expires_in"] == 86_400
    clock.advance(days=1)
    assert calls.info(token).status_code == 401


def test_it_takes_a_bearer_token_at_token_info(calls: Calls) -> None:
    headers = {"Authorization": f"Bearer {calls.token_of(seed.ALICE)}"}
    assert calls.http.get("/oauth/token/info", headers=headers).json["resource_owner_id"] == seed.ALICE.id
    assert calls.http.get("/oauth/token/info").status_code == 401


def test_it_refuses_a_body_that_is_too_large(calls: Calls) -> None:
    answer = calls.token(**(PASSWORD | {"password": "x" * 100_000}))
    assert answer.status_code == 413
