"""A flood from one address is refused, over all workers where there is a Redis, and in memory where it died."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from flask import Flask, request
from flask.testing import FlaskClient

from portal.pages.web import limits, shared_counts
from portal.pages.web.application import Portal
from portal.settings.loading import load
from tests.harness.page import PageClient
from tests.harness.redis_server import Redis
from tests.web.conftest import Lines


def client_with(limit: str = "3/minute", **given: str) -> FlaskClient:
    """Return a client of an application with limits and nothing else."""
    app = Portal("tests", static_folder=None)
    limits.init_app(app, load({"PORTAL_LIMIT_FLOOD": limit, **given}))

    @app.get("/")
    def page() -> str:
        return request.remote_addr or ""

    @app.get("/healthz", endpoint="ops.healthz")
    def healthz() -> str:
        return "alive"

    @app.errorhandler(limits.TooManyRequests)
    def too_many(error: limits.TooManyRequests) -> tuple[str, int]:
        return str(error.seconds_to_wait), 429

    return app.test_client()


def statuses(client: FlaskClient, *addresses: str | None, path: str = "/") -> list[int]:
    return [client.get(path, environ_overrides={"REMOTE_ADDR": a}).status_code for a in addresses]


def test_it_refuses_an_address_over_the_limit_and_nobody_else(clock: time_machine.Traveller) -> None:
    client = client_with()
    assert statuses(client, *["192.0.2.1"] * 4, "192.0.2.2") == [200, 200, 200, 429, 200]


def test_each_refusal_is_counted_once(clock: time_machine.Traveller) -> None:
    app = Portal("tests", static_folder=None)
    refused: list[str] = []
    limits.init_app(app, load({"PORTAL_LIMIT_FLOOD": "1/minute;1/hour"}), lambda: refused.append("once"))
    app.add_url_rule("/", view_func=lambda: "page")
    app.register_error_handler(limits.TooManyRequests, lambda _: ("", 429))
    # The eleventh is past the limit of its /48 network too.
    found = statuses(app.test_client(), *["2001:db8::1"] * 11)
    assert found == [200] + [429] * 10
    assert len(refused) == 10


def test_it_says_how_long_to_wait(clock: time_machine.Traveller) -> None:
    client = client_with()
    statuses(client, *["192.0.2.1"] * 3)
    clock.shift(12.5)
    assert client.get("/", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).text == "48", "rounded up"
    clock.shift(47.5)
    assert statuses(client, "192.0.2.1") == [200]


def test_pages_that_are_not_there_count_too(clock: time_machine.Traveller) -> None:
    client = client_with()
    assert statuses(client, *["192.0.2.1"] * 4, path="/nowhere") == [404, 404, 404, 429]


def test_several_limits_hold_together(clock: time_machine.Traveller) -> None:
    client = client_with("3/minute;5/hour")
    assert statuses(client, *["192.0.2.1"] * 4) == [200, 200, 200, 429]
    clock.shift(60)
    # The refused one met the first limit and was not counted for the second.
    assert statuses(client, *["192.0.2.1"] * 3) == [200, 200, 429]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        (None, None, True),
    ],
)
def test_it_counts_an_ipv6_network_as_one_address(
    first: str | None, second: str | None, same: bool, clock: time_machine.Traveller
) -> None:
    client = client_with("1/minute")
    assert statuses(client, first, second) == [200, 429 if same else 200]


def test_the_48_network_of_ipv6_addresses_may_send_ten_times_as_many(clock: time_machine.Traveller) -> None:
    client = client_with("1/minute")
    assert statuses(client, *(f"2001:db8:0:{n}::1" for n in range(12))) == [200] * 10 + [429] * 2
    assert statuses(client, "2001:db8:1::1", *(f"192.0.2.{n}" for n in range(12))) == [200] * 13


def test_health_is_never_refused(clock: time_machine.Traveller) -> None:
    client = client_with("1/minute")
    assert statuses(client, *["192.0.2.1"] * 5, path="/healthz") == [200] * 5


def test_the_page_of_the_flood_limit_says_how_long_to_wait(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    client = browse(make_app(limit_flood="1/day"))
    client.get("/activate", 200)
    page = client.get("/activate", 429)
    assert 0 < int(page.header("Retry-After")) <= 24 * 60 * 60 + 1
    assert "hour" in page.text() or "minute" in page.text()


def test_two_workers_count_together_in_redis(redis_server: Redis) -> None:
    one, two = (client_with("3/hour", PORTAL_REDIS_URL=redis_server.url) for _ in range(2))
    assert statuses(one, *["192.0.2.1"] * 2) + statuses(two, *["192.0.2.1"] * 2) == [200, 200, 200, 429]


def test_without_redis_it_counts_in_memory_and_says_so_once(redis_server: Redis, lines: Lines) -> None:
    client = client_with("3/hour", PORTAL_REDIS_URL=redis_server.url)
    assert statuses(client, "192.0.2.1") == [200]
    redis_server.kill()
    started = time.monotonic()
    assert statuses(client, *["192.0.2.1"] * 4) == [200, 200, 200, 429]
    assert time.monotonic() - started < 1
    written = lines()
    assert [line["event"] for line in written] == ["flood_counts_not_shared", "too_many_requests"]
    assert redis_server.url not in str(written)
    assert "192.0.2.1" not in str(written)


def test_a_hanging_redis_delays_one_request_briefly(redis_server: Redis, lines: Lines) -> None:
    client = client_with("3/hour", PORTAL_REDIS_URL=redis_server.url)
    assert statuses(client, "192.0.2.1") == [200]
    redis_server.hang()
    started = time.monotonic()
    assert statuses(client, *["192.0.2.1"] * 4) == [200, 200, 200, 429]
    assert time.monotonic() - started < 1


def test_requests_that_wait_for_redis_together_when_it_fails_are_all_answered(redis_server: Redis) -> None:
    client = client_with("100/hour", PORTAL_REDIS_URL=redis_server.url)
    assert statuses(client, "192.0.2.1") == [200]
    redis_server.hang()
    # The first of them turns to memory; the others had asked Redis by then.
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(lambda _: statuses(client.application.test_client(), "192.0.2.1"), range(4))] == [[200]] * 4


def test_it_uses_redis_again_when_that_answers(
    redis_server: Redis, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (client_with("3/hour", PORTAL_REDIS_URL=redis_server.url) for _ in range(2))
    redis_server.kill()
    assert statuses(one, "192.0.2.1") == [200]
    redis_server.start()
    assert statuses(one, "192.0.2.1") == [200], "still in memory: it does not ask at each request"
    monkeypatch.setattr(shared_counts, "monotonic", lambda: time.monotonic() + 2)
    assert statuses(one, *["192.0.2.1"] * 2) + statuses(two, *["192.0.2.1"] * 2) == [200, 200, 200, 429]
    assert [line["event"] for line in lines()][:2] == ["flood_counts_not_shared", "flood_counts_shared_again"]
