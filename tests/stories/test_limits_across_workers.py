"""An attempt limit holds across all worker processes, however many PINs arrive at once."""

import pytest

from portal.domain.outcomes import Outcome
from tests.harness.servers import Port, Processes
from tests.harness.simulated_zype import SimulatedZype
from tests.stories.crowd import Crowd, all_at_once
from tests.stories.workers import tabs_on_each, workers_of

LIMIT = 5
PINS = 30


@pytest.fixture
def environ(environ: dict[str, str], any_database_url: str) -> dict[str, str]:
    """Two workers, on each database, with the default limits."""
    return environ | {"PORTAL_DATABASE_URL": any_database_url, "PORTAL_WORKERS": "2"}


def test_of_thirty_simultaneous_wrong_pins_only_as_many_as_the_limit_reach_zype(
    processes: Processes, crowd: Crowd, port: Port, sandbox: SimulatedZype
) -> None:
    viewer = crowd.viewer(7)
    tabs = tabs_on_each(workers_of(processes.process.pid), crowd, viewer, port, PINS // 2)

    pins = [f"used{n}" for n in range(PINS)]
    shown = all_at_once(lambda pair: pair[0].sends(pair[1]), list(zip(tabs, pins, strict=True)))

    assert len(sandbox.record()) == LIMIT
    assert sorted(page.status for page in shown) == [422] * LIMIT + [429] * (PINS - LIMIT)
    assert sum(page.outcome is Outcome.NOT_FOUND for page in shown) == LIMIT
    for page in shown:
        if page.status == 429:
            assert page.outcome is Outcome.TOO_MANY
            assert page.retry_after is not None
            assert 0 < page.retry_after <= 15 * 60


def test_the_limit_of_one_viewer_does_not_affect_another(crowd: Crowd, sandbox: SimulatedZype) -> None:
    first, second = (crowd.viewer(number) for number in (7, 8))
    for n in range(LIMIT):
        assert first.sends(f"used{n}").outcome is Outcome.NOT_FOUND
    assert first.sends("good1").outcome is Outcome.TOO_MANY
    assert second.sends("good2").outcome is Outcome.LINKED
    assert len(sandbox.record()) == LIMIT + 1
