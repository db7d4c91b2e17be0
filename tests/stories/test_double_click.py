"""Clicks that two workers handle at the same time have one outcome."""

from collections.abc import Callable

import pytest

from portal.domain.outcomes import Outcome
from portal.settings.settings import Settings
from tests.harness.servers import Port, Processes
from tests.harness.simulated_zype import SimulatedZype
from tests.stories.crowd import Crowd, HastyViewer, all_at_once
from tests.stories.ledger_rows import rows_of
from tests.stories.workers import tabs_on_each, workers_of

Tabs = Callable[[int], list[HastyViewer]]


@pytest.fixture
def environ(environ: dict[str, str], any_database_url: str) -> dict[str, str]:
    """Two workers, on each database, and a short time limit for Zype."""
    return environ | {
        "PORTAL_DATABASE_URL": any_database_url,
        "PORTAL_WORKERS": "2",
        "PORTAL_ZYPE_READ_TIMEOUT": "2",
    }


@pytest.fixture
def tabs(processes: Processes, crowd: Crowd, port: Port) -> Tabs:
    """Return a function that opens this many tabs of one viewer on each of the two workers."""
    viewer = crowd.viewer(3)
    return lambda count: tabs_on_each(workers_of(processes.process.pid), crowd, viewer, port, count)


def click(tabs: list[HastyViewer], pin: str) -> list[Outcome | None]:
    """Send one PIN from all tabs at the same moment; return the outcome that each shows."""
    return [page.outcome for page in all_at_once(lambda tab: tab.sends(pin), tabs)]


@pytest.mark.parametrize(("pin", "outcome"), [("slow1", Outcome.LINKED), ("hang1", Outcome.UNKNOWN)])
def test_two_simultaneous_clicks_make_one_call_and_show_the_same_outcome(
    tabs: Tabs, sandbox: SimulatedZype, settings: Settings, pin: str, outcome: Outcome
) -> None:
    assert click(tabs(1), pin) == [outcome, outcome]
    assert len(sandbox.record()) == 1
    assert [row["outcome"] for row in rows_of(settings)] == [None, outcome]


def test_many_simultaneous_clicks_make_one_call(tabs: Tabs, sandbox: SimulatedZype, settings: Settings) -> None:
    shown = click(tabs(4), "slow1")
    # One asks Zype, one in each worker may wait for it, and the rest are asked to try again.
    assert shown.count(Outcome.LINKED) in (2, 3)
    assert shown.count(Outcome.LINKED) + shown.count(Outcome.UNAVAILABLE) == 8
    assert len(sandbox.record()) == 1
    assert [row["outcome"] for row in rows_of(settings)] == [None, Outcome.LINKED]


def test_a_late_click_on_another_worker_shows_the_success(tabs: Tabs, sandbox: SimulatedZype) -> None:
    first, second = tabs(1)
    tv = sandbox.tv()
    assert first.sends(tv.pin).outcome is Outcome.LINKED
    assert second.sends(tv.pin).outcome is Outcome.LINKED
    assert tv.owner() == first.consumer_id
    assert [call["status"] for call in sandbox.record()] == [200, 404]
