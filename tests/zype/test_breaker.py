"""The breaker and the bulkhead: what they let through, what they refuse, and that they refuse at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from portal.domain.pins import Pin
from portal.zype.breaker import FAILURES_TO_OPEN, SECONDS_OPEN, Breaker, Bulkhead
from portal.zype.client import ZypeClient
from portal.zype.errors import ContractBroken, NotFound, Unavailable, Unknown, ZypeError
from tests.zype.stand_in import Line, StandIn, answer

PIN = Pin("zizm529")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


@contextmanager
def watching(breaker: Breaker, answered: bool = True) -> Iterator[None]:
    with breaker.watch("PUT", "/pin/link", lambda: answered):
        yield


def error(kind: type[ZypeError], status: int | None) -> ZypeError:
    if kind is ContractBroken:
        return ContractBroken("PUT", "/pin/link", status, field="body")
    return kind("PUT", "/pin/link", status, reason="made up")


TIMED_OUT = error(Unknown, None)


def call(breaker: Breaker, failure: BaseException | None = None, answered: bool = True) -> None:
    """Make a call that ends so; whatever it raised but a refusal of the breaker's is swallowed."""
    caught: BaseException | None = None
    try:
        with watching(breaker, answered):
            if failure:
                raise failure
    except BaseException as raised:
        caught = raised
    if caught is not failure and caught is not None:
        raise caught


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
def test_an_answer_that_is_no_failure_starts_the_count_again(alive: Exception | None, breaker: Breaker) -> None:
    for failure in [TIMED_OUT] * 9 + [alive] + [TIMED_OUT] * 9:
        call(breaker, failure)
    assert not is_open(breaker)


def test_a_call_that_never_asked_says_nothing(breaker: Breaker) -> None:
    for _ in range(10):
        call(breaker, answered=False)
        call(breaker, KeyboardInterrupt(), answered=False)
        call(breaker, TIMED_OUT)
    assert is_open(breaker)


def test_it_lets_a_probe_through_after_a_while_and_a_good_one_closes_it(breaker: Breaker, clock: Clock) -> None:
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


def test_a_probe_that_fails_keeps_it_open_for_another_while(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now += SECONDS_OPEN
    call(breaker, TIMED_OUT)
    clock.now += SECONDS_OPEN - 1
    assert is_open(breaker)
    clock.now += 1
    assert not is_open(breaker)


def test_there_is_one_probe_at_a_time(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now += SECONDS_OPEN
    admitted: list[int] = []
    ready, done = threading.Barrier(8), threading.Event()

    def knock(number: int) -> None:
        ready.wait(5)
        with suppress(Unavailable), watching(breaker):
            admitted.append(number)
            done.wait(5)

    threads = [threading.Thread(target=knock, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while sum(thread.is_alive() for thread in threads) > 1:
        threads[0].join(0.01)
    assert len(admitted) == 1
    done.set()
    for thread in threads:
        thread.join(5)
    assert not is_open(breaker)


def test_a_probe_that_is_abandoned_makes_way_for_the_next(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now += SECONDS_OPEN
    call(breaker, SystemExit(), answered=False)
    assert not is_open(breaker)


def test_stragglers_do_not_keep_it_open_for_longer(breaker: Breaker, clock: Clock) -> None:
    with suppress(Unknown), watching(breaker):
        open_it(breaker)
        clock.now += SECONDS_OPEN - 1
        raise TIMED_OUT
    clock.now += 1
    assert not is_open(breaker)


def test_a_bulkhead_refuses_at_once_what_is_too_many() -> None:
    bulkhead = Bulkhead(2)
    with bulkhead.slot("GET", "/x"), bulkhead.slot("GET", "/x"):
        with pytest.raises(Unavailable, match="too many calls in flight") as caught, bulkhead.slot("GET", "/x"):
            raise AssertionError("it was let through")
        assert caught.value.retryable
        assert caught.value.retry_after
    with bulkhead.slot("GET", "/x"), bulkhead.slot("GET", "/x"):
        pass


def test_a_bulkhead_gives_a_call_back_however_it_ends() -> None:
    bulkhead = Bulkhead(1)
    for _ in range(3):
        with suppress(KeyError), bulkhead.slot("GET", "/x"):
            raise KeyError


def test_a_dead_host_is_left_alone_after_ten_calls(client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [answer(500, {})]
    for _ in range(10):
        with pytest.raises(Unknown):
            client.link(PIN, "consumer")
    with pytest.raises(Unavailable, match="breaker open"):
        client.consumer("consumer")
    assert len(stand_in.seen) == 10


def test_the_platform_api_and_the_login_service_fail_apart(client: ZypeClient, stand_in: StandIn) -> None:
    stand_in.plan = [answer(502, {})]
    for _ in range(10):
        with pytest.raises(Unknown):
            client.token("alice@example.com", "password")
    stand_in.plan = [answer(200, {"response": {}})]
    client.link(PIN, "consumer")
    with pytest.raises(Unavailable, match="breaker open"):
        client.revoke("token")


def test_all_calls_of_a_worker_share_one_bulkhead(make_client: Callable[..., ZypeClient], stand_in: StandIn) -> None:
    stand_in.plan = [Line.hang]
    client = make_client(stand_in.url, zype_concurrency=2, zype_read_timeout=0.5)

    def hang(call: Callable[[], object]) -> None:
        with suppress(Unknown):
            call()

    threads = [
        threading.Thread(target=hang, args=(lambda: client.link(PIN, "consumer"),)),
        threading.Thread(target=hang, args=(lambda: client.revoke("token"),)),
    ]
    for thread in threads:
        thread.start()
    while len(stand_in.seen) < 2:
        threads[0].join(0.01)
    with pytest.raises(Unavailable, match="too many"):
        client.consumer("consumer")
    with pytest.raises(Unavailable, match="too many"), client.login_call("POST", "/oauth/token"):
        raise AssertionError("it was let through")
    for thread in threads:
        thread.join(5)
    assert len(stand_in.seen) == 2
