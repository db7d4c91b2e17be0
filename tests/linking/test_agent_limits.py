"""An agent's links of a day and failures for one viewer are limited, apart from what viewers do themselves."""

from concurrent.futures import ThreadPoolExecutor

from portal.domain.actors import Actor
from portal.domain.outcomes import Outcome
from portal.ledger.tables import SPENT
from portal.sandbox import seed
from portal.services import Services
from tests.fixtures import MakeServices
from tests.harness.ledger import REASON, actor, agent
from tests.harness.simulated_zype import SimulatedZype


def link(services: Services, pin: str, consumer_id: str = seed.ALICE.id, by: Actor | None = None) -> Outcome:
    """Link a TV for a viewer as an agent does."""
    return services.linking.link(pin, consumer_id, by or agent(), REASON).outcome


def test_only_calls_to_zype_are_spent() -> None:
    assert set(SPENT) == {"linked", "not_found", "refused", "unknown", "found", "sent"}


def test_successes_count_towards_the_day(make_services: MakeServices, sandbox: SimulatedZype) -> None:
    services = make_services(limit_agent="3/day")

    assert [link(services, pin) for pin in ("good1", "used1", "good2", "good3")] == [
        Outcome.LINKED,
        Outcome.NOT_FOUND,
        Outcome.LINKED,
        Outcome.TOO_MANY,
    ]
    assert len(sandbox.record()) == 3
    assert link(services, "good4", by=agent("another")) == Outcome.LINKED


def test_attempts_that_changed_nothing_do_not_count_towards_the_day(make_services: MakeServices) -> None:
    services = make_services(limit_agent="1/day")

    assert link(services, "?") == Outcome.MALFORMED
    assert link(services, "http503") == Outcome.UNAVAILABLE
    assert link(services, "good1") == Outcome.LINKED
    assert link(services, "good2") == Outcome.TOO_MANY


def test_the_day_ends_a_day_after_the_first_link(make_services: MakeServices) -> None:
    services = make_services(limit_agent="2/day")
    for pin in ("good1", "good2"):
        link(services, pin)
    result = services.linking.link("good3", seed.ALICE.id, agent(), REASON)

    assert result.outcome == Outcome.TOO_MANY
    assert 86_300 < (result.retry_after or 0) <= 86_400


def test_an_agent_may_fail_ten_times_in_fifteen_minutes_for_one_viewer(make_services: MakeServices) -> None:
    services = make_services()

    assert {link(services, f"used{n}") for n in range(10)} == {Outcome.NOT_FOUND}
    assert link(services, "good1") == Outcome.TOO_MANY
    assert link(services, "good1", seed.MALLORY.id) == Outcome.LINKED
    assert link(services, "good2", by=agent("another")) == Outcome.LINKED


def test_a_viewer_s_failures_and_an_agent_s_count_apart(make_services: MakeServices) -> None:
    services = make_services(limit_viewer="2/day")
    alice, mallory = actor(seed.ALICE.id), actor(seed.MALLORY.id)
    for n in range(2):
        assert services.linking.link(f"used{n}", seed.ALICE.id, alice).outcome == Outcome.NOT_FOUND
    assert services.linking.link("used2", seed.ALICE.id, alice).outcome == Outcome.TOO_MANY
    assert link(services, "good1") == Outcome.LINKED

    for n in range(5):
        link(services, f"used{n}", seed.MALLORY.id)
    assert services.linking.link("good2", seed.MALLORY.id, mallory).outcome == Outcome.LINKED


def test_links_at_the_same_time_do_not_exceed_the_day(make_services: MakeServices, any_database_url: str) -> None:
    # Twelve viewers, so that the lock on a viewer does not keep the attempts apart.
    services = make_services(limit_agent="5/day", database_url=any_database_url)
    with ThreadPoolExecutor(12) as threads:
        results = list(threads.map(lambda n: link(services, f"good{n}", f"{n:024x}"), range(12)))

    assert sorted(results) == [Outcome.LINKED] * 5 + [Outcome.TOO_MANY] * 7
