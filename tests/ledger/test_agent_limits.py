"""An agent's day and an agent's failures for one viewer are limited, apart from what the viewers do themselves."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind, Reason
from portal.domain.outcomes import Action, LookUpOutcome, Outcome
from portal.ledger.attempts import Attempt, Begun, RateLimited
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.tables import SPENT
from portal.linking.in_flight import Waiters
from portal.linking.linking import Linking
from portal.sandbox import seed
from portal.settings.loading import load
from portal.viewers.directory import Directory
from portal.viewers.records import ViewerRecords
from portal.zype.client import ZypeClient
from tests.harness.faulty_zype import answering
from tests.harness.ledger import actor, ledger_on
from tests.harness.simulated_zype import SimulatedZype

REASON = Reason("Other: the caller has no browser at hand", "T-1")


def bob(name: str = "bob", address: str = "192.0.2.9") -> Actor:
    """Return an agent who acts for a viewer."""
    return Actor(ActorKind.AGENT, name, address, "request-2")


class Desk:
    """What an agent's pages call, over a real sandbox.

    Args:
        sandbox: what it asks.
        ledger: where it writes.
        database: likewise.
        limits: of the day, by the name of the setting.
    """

    def __init__(self, sandbox: SimulatedZype, ledger: Ledger, database: Database, **limits: str) -> None:
        settings = load({"PORTAL_ZYPE_API_URL": sandbox.url} | {f"PORTAL_{k.upper()}": v for k, v in limits.items()})
        self.zype = ZypeClient(settings)
        history, records = History(database), ViewerRecords(database)
        self.linking = Linking(settings, ledger, history, self.zype, Waiters())
        self.directory = Directory(settings, ledger, history, records, self.zype)

    def links(self, pin: str, consumer_id: str = seed.ALICE.id, agent: Actor | None = None) -> Outcome:
        return self.linking.link(pin, consumer_id, agent or bob(), REASON).outcome

    def finds(self, who: str, agent: Actor | None = None) -> LookUpOutcome:
        return self.directory.find(who, agent or bob()).outcome


OpenDesk = Callable[..., Desk]


@pytest.fixture
def open_desk(sandbox: SimulatedZype, ledger: Ledger, database: Database) -> Iterator[OpenDesk]:
    opened: list[Desk] = []

    def make(**limits: str) -> Desk:
        opened.append(Desk(sandbox, ledger, database, **limits))
        return opened[-1]

    yield make
    for desk in opened:
        desk.zype.close()


def test_what_is_spent_is_what_zype_was_asked_for() -> None:
    assert set(SPENT) == {"linked", "not_found", "refused", "unknown", "found"}


def test_a_day_has_so_many_links_successes_included(open_desk: OpenDesk, sandbox: SimulatedZype) -> None:
    desk = open_desk(limit_agent="3/day")

    assert [desk.links(pin) for pin in ("good1", "used1", "good2", "good3")] == [
        Outcome.LINKED,
        Outcome.NOT_FOUND,
        Outcome.LINKED,
        Outcome.TOO_MANY,
    ]
    assert len(sandbox.record()) == 3
    assert desk.links("good4", agent=bob("another")) == Outcome.LINKED


def test_what_zype_was_not_asked_for_costs_nothing(open_desk: OpenDesk) -> None:
    desk = open_desk(limit_agent="1/day")

    assert desk.links("?") == Outcome.MALFORMED
    assert desk.links("http503") == Outcome.UNAVAILABLE
    assert desk.links("good1") == Outcome.LINKED
    assert desk.links("good2") == Outcome.TOO_MANY


def test_the_day_ends_a_day_after_the_first_link(open_desk: OpenDesk) -> None:
    desk = open_desk(limit_agent="2/day")
    for pin in ("good1", "good2"):
        desk.links(pin)
    result = desk.linking.link("good3", seed.ALICE.id, bob(), REASON)

    assert result.outcome == Outcome.TOO_MANY
    assert 86_300 < (result.retry_after or 0) <= 86_400


def test_ten_failures_for_one_viewer_in_a_quarter_of_an_hour(open_desk: OpenDesk) -> None:
    desk = open_desk()

    assert {desk.links(f"used{n}") for n in range(10)} == {Outcome.NOT_FOUND}
    assert desk.links("good1") == Outcome.TOO_MANY
    assert desk.links("good1", seed.MALLORY.id) == Outcome.LINKED
    assert desk.links("good2", agent=bob("another")) == Outcome.LINKED


def test_a_viewer_s_failures_do_not_stop_the_agent_who_helps_nor_the_reverse(open_desk: OpenDesk) -> None:
    desk = open_desk(limit_viewer="2/day")
    alice = actor(seed.ALICE.id)
    for n in range(3):
        said = desk.linking.link(f"used{n}", seed.ALICE.id, alice).outcome
    assert said == Outcome.TOO_MANY
    assert desk.links("good1") == Outcome.LINKED

    mallory = actor(seed.MALLORY.id)
    for n in range(5):
        desk.links(f"used{n}", seed.MALLORY.id)
    assert desk.linking.link("good2", seed.MALLORY.id, mallory).outcome == Outcome.LINKED


def test_so_many_look_ups_a_day_whether_they_find_anybody_or_not(open_desk: OpenDesk) -> None:
    desk = open_desk(limit_lookup="3/day")

    assert desk.finds(seed.ALICE.email) == LookUpOutcome.FOUND
    assert desk.finds("nobody@example.com") == LookUpOutcome.NOT_FOUND
    assert desk.finds("not an address") == LookUpOutcome.MALFORMED
    assert desk.finds(seed.MALLORY.id) == LookUpOutcome.FOUND
    assert desk.finds(seed.ALICE.email) == LookUpOutcome.TOO_MANY
    assert desk.links("good1") == Outcome.LINKED, "links have a day of their own"


def test_opening_whom_one_has_just_found_costs_no_look_up_and_anybody_else_does(open_desk: OpenDesk) -> None:
    desk = open_desk(limit_lookup="2/day")
    desk.finds(seed.ALICE.email)

    for _ in range(3):
        assert desk.directory.open(seed.ALICE.id, bob()).outcome == LookUpOutcome.FOUND
    assert desk.directory.open(seed.MALLORY.id, bob()).outcome == LookUpOutcome.FOUND
    assert desk.directory.open("0" * 24, bob()).outcome == LookUpOutcome.TOO_MANY


@pytest.mark.parametrize(
    "lookalike",
    [
        "alice@example.com\u200b",
        "\uff41lice@example.com",
        "\u0430lice@example.com",
        "al\u0131ce@example.com",
        "alice@example.com.",
        "alice",
        "alice@",
        "@example.com",
        "*@example.com",
        "alice@example.com,mallory@example.com",
    ],
    ids=ascii,
)
def test_a_look_alike_finds_nobody(open_desk: OpenDesk, lookalike: str) -> None:
    assert open_desk().finds(lookalike) in (LookUpOutcome.NOT_FOUND, LookUpOutcome.MALFORMED)


@pytest.mark.parametrize("who", [seed.ALICE.email, " Alice@Example.COM ", seed.ALICE.id])
def test_the_exact_address_or_id_finds_the_viewer(open_desk: OpenDesk, who: str) -> None:
    found = open_desk().directory.find(who, bob()).viewer
    assert found is not None
    assert (found.consumer_id, found.email) == (seed.ALICE.id, seed.ALICE.email)


def test_links_at_the_same_time_do_not_get_past_the_day(open_desk: OpenDesk, database: Database) -> None:
    # Twelve viewers, so that the lock on a viewer does not keep them apart.
    desk = open_desk(limit_agent="5/day")
    with ThreadPoolExecutor(12) as threads:
        said = list(threads.map(lambda n: desk.links(f"good{n}", f"{n:024x}"), range(12)))

    assert sorted(said).count(Outcome.LINKED) == 5
    assert sorted(said).count(Outcome.TOO_MANY) == 7


def test_an_attempt_under_way_counts(ledger: Ledger, database: Database) -> None:
    desk_limits = Linking(load({"PORTAL_LIMIT_AGENT": "1/day"}), ledger, None, None, Waiters())._limits[ActorKind.AGENT]  # type: ignore[arg-type]
    first = Attempt(Action.LINK, bob(), "alice", pin_fingerprint="1" * 64)
    second = Attempt(Action.LINK, bob(), "mallory", pin_fingerprint="2" * 64)

    assert ledger.begin(first, desk_limits) == Begun()
    assert isinstance(ledger_on(database).begin(second, desk_limits), RateLimited)


def test_an_id_in_another_spelling_finds_nobody_even_if_zype_takes_it(
    open_desk: OpenDesk, sandbox: SimulatedZype
) -> None:
    desk = open_desk()
    document = {"response": {"_id": seed.ALICE.id, "email": seed.ALICE.email}}
    with answering(sandbox, "/consumers", 200, document):
        assert desk.finds(seed.ALICE.id) == LookUpOutcome.FOUND
        assert desk.finds(seed.ALICE.id.upper()) == LookUpOutcome.NOT_FOUND
        assert desk.directory.open(seed.ALICE.id.upper(), bob()).outcome == LookUpOutcome.NOT_FOUND
