"""The breaker: what it lets through, what it refuses, and that it refuses at once."""

import threading
from contextlib import suppress

import pytest

from portal.domain.pins import Pin
from portal.zype import breaker as breaker_module
from portal.zype.breaker import FAILURES_TO_OPEN, SECONDS_OPEN, Breaker
from portal.zype.client import ZypeClient
from portal.zype.errors import ContractBroken, NotFound, Unavailable, Unknown, ZypeError
from tests.harness.timing import wait_until
from tests.zype.scripted_server import ScriptedServer, answer

PIN = Pin("zizm529")


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def error(kind: type[ZypeError], status: int | None) -> ZypeError:
    if kind is ContractBroken:
        return ContractBroken("PUT", "/pin/link", status, field="body")
    return kind("PUT", "/pin/link", status, reason="made up")


TIMED_OUT = error(Unknown, None)


def call(breaker: Breaker, failure: BaseException | None = None, is_answered: bool = True) -> None:
    """Make a call with this result. Raises only the breaker's refusal, not the failure of the call."""
    try:
        with breaker.watch("PUT", "/pin/link", lambda: is_answered):
            if failure:
                raise failure
    except BaseException as raised:
        if raised is not failure:
            raise


def is_open(breaker: Breaker) -> bool:
    try:
        call(breaker)
    except Unavailable:
        return True
    return False


def open_it(breaker: Breaker) -> None:
    for _ in range(FAILURES_TO_OPEN):
        call(breaker, TIMED_OUT)


@pytest.mark.parametrize(
    "failure",
    [error(Unavailable, None), TIMED_OUT, error(Unknown, 500), error(Unavailable, 503), error(Unknown, 599)],
    ids=str,
)
def test_ten_failures_in_a_row_open_it(failure: ZypeError, breaker: Breaker) -> None:
    for _ in range(9):
        call(breaker, failure)
    call(breaker)
    for _ in range(10):
        call(breaker, failure)
    with pytest.raises(Unavailable, match="breaker open") as caught:
        call(breaker)
    assert caught.value.retryable
    assert caught.value.retry_after == SECONDS_OPEN
    assert caught.value.status is None


def test_it_tells_whether_it_refuses_calls(breaker: Breaker, clock: Clock) -> None:
    assert not breaker.is_open
    open_it(breaker)
    assert breaker.is_open
    clock.now += SECONDS_OPEN
    assert not breaker.is_open, "the next call would be the probe"
    with suppress(Unknown), breaker.watch("PUT", "/pin/link", lambda: False):
        assert breaker.is_open, "others are refused during the probe"
        raise TIMED_OUT
    assert breaker.is_open
    clock.now += SECONDS_OPEN
    call(breaker)
    assert not breaker.is_open


@pytest.mark.parametrize(
    "alive",
    [
        error(NotFound, 404),
        error(Unavailable, 429),
        error(Unavailable, 400),
        error(ContractBroken, 200),
        ValueError(),
        None,
    ],
    ids=str,
)
def test_an_answer_that_is_no_failure_resets_the_count(alive: Exception | None, breaker: Breaker) -> None:
    for failure in [TIMED_OUT] * 9 + [alive] + [TIMED_OUT] * 9:
        call(breaker, failure)
    assert not is_open(breaker)


def test_a_call_that_sent_nothing_does_not_count(breaker: Breaker) -> None:
    for _ in range(10):
        call(breaker, is_answered=False)
        call(breaker, KeyboardInterrupt(), is_answered=False)
        call(breaker, TIMED_OUT)
    assert is_open(breaker)


def test_a_probe_is_let_through_after_a_while_and_an_answer_closes_the_breaker(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now += SECONDS_OPEN - 5
    with pytest.raises(Unavailable) as caught:
        call(breaker)
    assert caught.value.retry_after == 5
    clock.now += 5
    call(breaker, error(NotFound, 404))
    for _ in range(9):
        call(breaker, TIMED_OUT)
    assert not is_open(breaker)


def test_a_probe_that_fails_keeps_the_breaker_open(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now += SECONDS_OPEN
    call(breaker, TIMED_OUT)
    clock.now += SECONDS_OPEN - 1
    assert is_open(breaker)
    clock.now += 1
    assert not is_open(breaker)


def test_only_one_probe_is_let_through_at_a_time(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now += SECONDS_OPEN
    admitted: list[int] = []
    ready, done = threading.Barrier(8), threading.Event()

    def probe(number: int) -> None:
        ready.wait(5)
        with suppress(Unavailable), breaker.watch("PUT", "/pin/link", lambda: True):
            admitted.append(number)
            done.wait(5)

    threads = [threading.Thread(target=probe, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while sum(thread.is_alive() for thread in threads) > 1:
        threads[0].join(0.01)
    assert len(admitted) == 1
    done.set()
    for thread in threads:
        thread.join(5)
    assert not is_open(breaker)


def test_after_an_abandoned_probe_another_is_let_through(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now += SECONDS_OPEN
    call(breaker, SystemExit(), is_answered=False)
    assert not is_open(breaker)


def test_a_late_failure_does_not_keep_the_breaker_open_for_longer(breaker: Breaker, clock: Clock) -> None:
    with suppress(Unknown), breaker.watch("PUT", "/pin/link", lambda: True):
        open_it(breaker)
        clock.now += SECONDS_OPEN - 1
        raise TIMED_OUT
    clock.now += 1
    assert not is_open(breaker)


def call_about(breaker: Breaker, failure: ZypeError, subject: str | None) -> None:
    """Make a call about an account that fails so."""
    with suppress(type(failure)), breaker.watch("POST", "/oauth/token", lambda: True, lambda: subject):
        raise failure


@pytest.mark.parametrize("failure", [error(Unknown, 500), error(Unavailable, 503)], ids=str)
def test_a_whole_5xx_counts_once_for_each_subject(failure: ZypeError, breaker: Breaker, clock: Clock) -> None:
    for _ in range(30):
        call_about(breaker, failure, "mallory@example.com")
    for number in range(8):
        call_about(breaker, failure, f"u{number}@example.com")
    call_about(breaker, TIMED_OUT, "mallory@example.com")
    assert is_open(breaker), "nine accounts, and a call without an answer"

    # A probe about any account decides for all.
    clock.now += SECONDS_OPEN
    call_about(breaker, failure, "mallory@example.com")
    assert is_open(breaker)
    clock.now += SECONDS_OPEN
    call(breaker)
    call_about(breaker, failure, "mallory@example.com")
    for number in range(8):
        call_about(breaker, failure, f"u{number}@example.com")
    assert not is_open(breaker), "an answer has begun a new count"


def test_calls_without_an_answer_count_each_time(breaker: Breaker) -> None:
    for _ in range(FAILURES_TO_OPEN):
        call_about(breaker, TIMED_OUT, "mallory@example.com")
    assert is_open(breaker)


def test_a_whole_5xx_about_nobody_in_particular_counts_each_time(breaker: Breaker) -> None:
    for _ in range(FAILURES_TO_OPEN):
        call_about(breaker, error(Unknown, 500), None)
    assert is_open(breaker)


def test_a_failing_host_is_not_called_after_ten_failures(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(500, {})]
    for _ in range(10):
        with pytest.raises(Unknown):
            client.link(PIN, "consumer")
    with pytest.raises(Unavailable, match="breaker open"):
        client.consumer("consumer")
    assert len(server.requests) == 10


def test_a_host_that_answers_after_the_pause_is_called_as_before(
    client: ZypeClient, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker_module, "SECONDS_OPEN", 0.2)
    server.replies = [answer(500, {})]
    for _ in range(10):
        with pytest.raises(Unknown):
            client.link(PIN, "consumer")
    server.replies = [answer(200, {"response": {}})]
    wait_until(lambda: links(client), "a PIN can be linked")
    assert links(client)


def links(client: ZypeClient) -> bool:
    """Return whether a PIN can be linked, rather than being refused by the breaker."""
    try:
        client.link(PIN, "consumer")
    except Unavailable:
        return False
    return True


def test_the_platform_api_and_the_login_service_have_a_breaker_each(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(502, {})]
    for _ in range(10):
        with pytest.raises(Unknown):
            client.token("alice@example.com", "password")
    for number in range(9):
        with pytest.raises(Unknown, match="status 502"):
            client.token(f"u{number}@example.com", "password")
    server.replies = [answer(200, {"response": {}})]
    client.link(PIN, "consumer")
    with pytest.raises(Unavailable, match="breaker open"):
        client.revoke("token")
