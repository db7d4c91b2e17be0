"""The bulkhead: how many calls it lets through, for whom, and that it refuses the others at once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pytest

from portal.domain.actors import Actor, ActorKind
from portal.domain.pins import Pin
from portal.zype import bulkhead as bulkhead_module
from portal.zype.bulkhead import Bulkhead, Pool
from portal.zype.client import ZypeClient
from portal.zype.errors import Busy, Unavailable, Unknown
from tests.harness.cases import each
from tests.harness.ledger import actor, agent
from tests.harness.timing import wait_until
from tests.zype.conftest import settings_for
from tests.zype.scripted_server import Connection, ScriptedServer

PIN = Pin("zizm529")


def stranger(address: str) -> Actor:
    """Return somebody who is not signed in."""
    return Actor(ActorKind.VIEWER, "", address, "request-3")


@contextmanager
def in_thread(bulkhead: Bulkhead, caller: Actor | None, *, for_link: bool = False) -> Iterator[str]:
    """Have a thread hold a place while the block runs, if it gets one; yields why not."""
    refusals: list[str] = []
    ready, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with bulkhead.slot("GET", "/x", lambda: caller, for_link=for_link):
                ready.set()
                done.wait(10)
        except Busy as error:
            refusals.append(str(error))
            ready.set()

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(10)
    try:
        yield "".join(refusals)
    finally:
        done.set()
        thread.join()


def held(bulkhead: Bulkhead, stack: ExitStack, callers: list[Actor], *, for_link: bool = False) -> int:
    """Return how many of these callers get a place, which they keep until the stack is closed."""
    return sum(not stack.enter_context(in_thread(bulkhead, caller, for_link=for_link)) for caller in callers)


def many(count: int) -> list[Actor]:
    """Return so many viewers, each at an address of their own."""
    return [actor(f"viewer-{number}", f"192.0.2.{number}") for number in range(count)]


def test_it_refuses_one_call_too_many_at_once() -> None:
    bulkhead = Bulkhead(2)
    with in_thread(bulkhead, None) as first, in_thread(bulkhead, None) as second:
        assert first == second == ""
        with pytest.raises(Busy, match="too many calls in flight") as caught, bulkhead.slot("GET", "/x"):
            raise AssertionError("it was let through")
        assert caught.value.retryable
        assert caught.value.retry_after
    with in_thread(bulkhead, None) as first, in_thread(bulkhead, None) as second:
        assert first == second == ""


def test_a_few_who_sign_in_wait_for_a_place_and_others_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulkhead_module, "WAIT_SECONDS", 5)
    bulkhead = Bulkhead(4, waiting=1)
    with ExitStack() as stack:
        first = ExitStack()
        assert held(bulkhead, first, [stranger("192.0.2.1")]) == 1
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(held, bulkhead, stack, [stranger("192.0.2.2")])
            wait_until(lambda: bulkhead._waiting, "somebody waits", every=0.001)
            assert held(bulkhead, stack, [stranger("192.0.2.3")]) == 0, "there is no room left to wait"
            first.close()
            assert second.result(10) == 1
        monkeypatch.setattr(bulkhead_module, "WAIT_SECONDS", 0.01)
        assert held(bulkhead, stack, [stranger("192.0.2.4")]) == 0, "nobody waits longer"


def link_of(number: int) -> Actor:
    """Return a viewer at the address of one household."""
    return actor(f"viewer-{number}", "198.51.100.7")


@each("places, callers", [(16, many(12)), (32, [link_of(number) for number in range(8)]), (1, many(1))])
def test_a_link_waits_for_a_place_while_zype_answers_and_for_no_other(
    places: int, callers: list[Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulkhead_module, "LINK_SECONDS", 5)
    bulkhead, late = Bulkhead(places, waiting=1), actor("late", callers[0].address)
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        first = ExitStack()
        assert held(bulkhead, first, callers[:1], for_link=True) == 1
        assert held(bulkhead, stack, callers[1:], for_link=True) == len(callers) - 1
        waiting = pool.submit(held, bulkhead, stack, [late], for_link=True)
        wait_until(lambda: bulkhead._waiting, "somebody waits", every=0.001)
        assert held(bulkhead, stack, [actor("later", callers[0].address)], for_link=True) == 0, "no room to wait"
        first.close()
        assert waiting.result(10) == 1
        # The oldest link in flight takes too long now.
        monkeypatch.setattr(bulkhead_module, "LINK_SECONDS", 0)
        assert held(bulkhead, stack, [actor("latest", callers[0].address)], for_link=True) == 0
        assert not bulkhead._waiting


def test_a_viewer_whose_own_share_is_used_up_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulkhead_module, "LINK_SECONDS", 60)
    with ExitStack() as stack:
        bulkhead = Bulkhead(16, waiting=8)
        assert held(bulkhead, stack, [actor("alice")] * 4, for_link=True) == 3


def test_it_frees_the_place_however_a_call_ends() -> None:
    bulkhead = Bulkhead(1)
    for _ in range(3):
        with suppress(KeyError), bulkhead.slot("GET", "/x", actor):
            raise KeyError
    assert not bulkhead._taken


def test_calls_of_one_operation_share_its_place() -> None:
    bulkhead = Bulkhead(1)
    with bulkhead.slot("PUT", "/x", actor, for_link=True):
        for _ in range(3):
            with bulkhead.slot("GET", "/x", actor):
                pass
        with in_thread(bulkhead, actor()) as refusal:
            assert "too many calls in flight" in refusal
        with Bulkhead(1).slot("GET", "/x"):
            pass


@pytest.mark.parametrize("who", [actor("alice"), agent("bob")])
@pytest.mark.parametrize("for_link", [True, False])
def test_one_viewer_or_agent_has_three_calls_in_flight(who: Actor, for_link: bool) -> None:
    bulkhead = Bulkhead(16)
    with ExitStack() as stack:
        assert held(bulkhead, stack, [who] * 5, for_link=for_link) == 3
        # From another address they are the same, and others at this one are not.
        elsewhere = Actor(who.kind, who.id, "198.51.100.1", "request-4")
        with in_thread(bulkhead, elsewhere, for_link=True) as refusal:
            assert "for this viewer or agent" in refusal
        assert held(bulkhead, stack, [actor("mallory"), agent("supervisor"), agent("alice")], for_link=True) == 3


def test_one_address_has_eight_calls_in_flight() -> None:
    bulkhead = Bulkhead(32)
    with ExitStack() as stack:
        household = [actor(f"viewer-{number}", f"2001:db8::{number}") for number in range(6)]
        assert held(bulkhead, stack, household, for_link=True) == 6
        assert held(bulkhead, stack, [stranger("2001:db8::a")] * 4) == 2
        with in_thread(bulkhead, actor("alice", "2001:db8::b"), for_link=True) as refusal:
            assert "for this address" in refusal
        assert held(bulkhead, stack, [actor("alice", "2001:db8:0:1::1")], for_link=True) == 1


@each("places, links", [(32, 24), (16, 12), (4, 3), (2, 2), (1, 1)])
def test_half_of_the_places_are_kept_for_links_and_a_quarter_for_who_is_not_signed_in(places: int, links: int) -> None:
    with ExitStack() as stack:
        bulkhead = Bulkhead(places)
        others = held(bulkhead, stack, many(places))
        signed_out = held(bulkhead, stack, [stranger(f"198.51.100.{number}") for number in range(places)])
        assert others + signed_out <= max(places // 2, min(places, 2)), "both have one at least"
        left = held(bulkhead, stack, many(places), for_link=True)
        assert left == places - others - signed_out
        assert left >= places // 2 or places < 4
    with ExitStack() as stack:
        bulkhead = Bulkhead(places)
        assert held(bulkhead, stack, many(places), for_link=True) == links
        assert held(bulkhead, stack, [stranger("198.51.100.1")]) == (links < places)


@pytest.mark.parametrize("first", ["others", "signed_out"])
def test_viewers_and_strangers_have_places_apart(first: str) -> None:
    bulkhead = Bulkhead(16)
    groups = {"others": many(16), "signed_out": [stranger(f"198.51.100.{number}") for number in range(16)]}
    with ExitStack() as stack:
        assert held(bulkhead, stack, groups.pop(first)) == 4
        assert held(bulkhead, stack, next(iter(groups.values()))) == 4


def test_the_portal_itself_has_no_share() -> None:
    bulkhead = Bulkhead(16)
    with ExitStack() as stack:
        assert sum(not stack.enter_context(in_thread(bulkhead, None)) for _ in range(18)) == 16


def test_all_calls_of_a_worker_share_one_bulkhead(
    make_client: Callable[..., ZypeClient], server: ScriptedServer
) -> None:
    server.replies = [Connection.hang]
    client = make_client(server.url, zype_concurrency=2)

    def hang(call: Callable[[], object]) -> None:
        with suppress(Unknown):
            call()

    threads = [
        threading.Thread(target=hang, args=(lambda: client.link(PIN, "consumer"),)),
        threading.Thread(target=hang, args=(lambda: client.revoke("token"),)),
    ]
    for thread in threads:
        thread.start()
    while len(server.requests) < 2:
        threads[0].join(0.01)
    with pytest.raises(Unavailable, match="too many"):
        client.consumer("consumer")
    with pytest.raises(Unavailable, match="too many"), client.login_call("POST", "/oauth/token"):
        raise AssertionError("it was let through")
    assert len(server.requests) == 2
    server.reset()
    for thread in threads:
        thread.join(5)


def test_an_operation_that_finds_no_place_is_counted_and_sends_nothing(server: ScriptedServer) -> None:
    counted: list[tuple[str, str]] = []
    settings = settings_for(server.url, zype_concurrency=1)
    full: list[Pool] = []
    client = ZypeClient(settings, lambda name, result, _: counted.append((name, result)), lambda: actor(), full.append)
    with in_thread(client._bulkhead, actor(), for_link=True):
        with pytest.raises(Busy), client.operation("token", "POST", "/oauth/token"):
            raise AssertionError("it was let through")
        with pytest.raises(Busy):
            client.consumer("consumer")

    client.close()
    assert counted == [("token", "busy"), ("consumer", "busy")]
    assert full == [Pool.ALL, Pool.ALL]
    assert server.requests == []
