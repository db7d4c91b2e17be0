"""Finding a viewer: by exact match, and so many look-ups a day."""

import pytest

from portal.domain.outcomes import LookUpOutcome
from portal.sandbox import seed
from portal.services import Services
from tests.fixtures import MakeServices
from tests.harness.faulty_zype import answering
from tests.harness.ledger import REASON, agent
from tests.harness.simulated_zype import SimulatedZype


def find(services: Services, typed: str) -> LookUpOutcome:
    return services.directory.find(typed, agent()).outcome


def test_look_ups_count_towards_the_day_whether_they_find_a_viewer_or_not(make_services: MakeServices) -> None:
    services = make_services(limit_lookup="3/day")

    assert find(services, seed.ALICE.email) == LookUpOutcome.FOUND
    assert find(services, "nobody@example.com") == LookUpOutcome.NOT_FOUND
    assert find(services, "not an address") == LookUpOutcome.MALFORMED
    assert find(services, seed.MALLORY.id) == LookUpOutcome.FOUND
    assert find(services, seed.ALICE.email) == LookUpOutcome.TOO_MANY
    linked = services.linking.link("good1", seed.ALICE.id, agent(), REASON)
    assert linked.outcome == "linked", "links have a limit of their own"


def test_opening_a_viewer_is_a_look_up_unless_they_were_just_found(make_services: MakeServices) -> None:
    services = make_services(limit_lookup="2/day")
    find(services, seed.ALICE.email)

    for _ in range(3):
        assert services.directory.open(seed.ALICE.id, agent()).outcome == LookUpOutcome.FOUND
    assert services.directory.open(seed.MALLORY.id, agent()).outcome == LookUpOutcome.FOUND
    assert services.directory.open("0" * 24, agent()).outcome == LookUpOutcome.TOO_MANY


def test_a_look_alike_finds_nobody(make_services: MakeServices) -> None:
    services = make_services()
    for look_alike in (
        "\u0430lice@example.com",
        "al\u0131ce@example.com",
        "alice@example.com.au",
        "alice",
        "alice@",
        "@example.com",
        "*@example.com",
        "alice@example.com,mallory@example.com",
    ):
        assert find(services, look_alike) in (LookUpOutcome.NOT_FOUND, LookUpOutcome.MALFORMED), ascii(look_alike)


@pytest.mark.parametrize("typed", [seed.ALICE.email, " Alice@Example.COM ", seed.ALICE.id])
def test_the_exact_address_or_id_finds_the_viewer(make_services: MakeServices, typed: str) -> None:
    found = make_services().directory.find(typed, agent()).viewer
    assert found is not None
    assert (found.consumer.id, found.consumer.email) == (seed.ALICE.id, seed.ALICE.email)


def test_an_id_in_another_spelling_finds_nobody_even_if_zype_accepts_it(
    make_services: MakeServices, sandbox: SimulatedZype
) -> None:
    services = make_services()
    document = {"response": {"_id": seed.ALICE.id, "email": seed.ALICE.email}}
    with answering(sandbox, "/consumers", 200, document):
        assert find(services, seed.ALICE.id) == LookUpOutcome.FOUND
        assert find(services, seed.ALICE.id.upper()) == LookUpOutcome.NOT_FOUND
        assert services.directory.open(seed.ALICE.id.upper(), agent()).outcome == LookUpOutcome.NOT_FOUND
