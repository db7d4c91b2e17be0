"""Simultaneous requests to two workers: clicks have one outcome, and an attempt limit holds across both."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from portal.domain.outcomes import Outcome
from tests.harness.database_pool import DatabasePool
from tests.stories.two_workers import TwoWorkers, two_workers
from tests.stories.viewer_clients import ViewerClient, all_at_once

LIMIT = 5
PINS = 30
# A short time limit for Zype, so that a PIN that hangs does not delay the tests.
SETTINGS = {"PORTAL_ZYPE_READ_TIMEOUT": "1"}
# Clicks at the same moment arrive within this.
SLOW_SECONDS = 0.5


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def portal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoWorkers]:
    """A portal on each database, which the tests of this module share."""
    folder = tmp_path_factory.mktemp("two_workers")
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), folder)}"
        else:
            databases: DatabasePool = request.getfixturevalue("postgresql_databases")
            url = stack.enter_context(databases.database())
        yield stack.enter_context(two_workers(url, folder, SETTINGS))


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zype takes less time for a slow answer than in the demo."""
    monkeypatch.setattr("portal.sandbox.faults.SLOW_SECONDS", SLOW_SECONDS)


def click(tabs: list[ViewerClient], pin: str) -> list[Outcome | None]:
    """Send one PIN from all tabs at the same moment; return the outcome that each shows."""
    return [page.outcome for page in all_at_once(lambda tab: tab.enter_pin(pin), tabs)]


@pytest.mark.parametrize(("pin", "outcome"), [("slow1", Outcome.LINKED), ("hang1", Outcome.UNKNOWN)])
def test_two_simultaneous_clicks_make_one_call_and_show_the_same_outcome(
    portal: TwoWorkers, pin: str, outcome: Outcome
) -> None:
    viewer = portal.viewer()
    assert click(portal.tabs(viewer, 1), pin) == [outcome, outcome]
    assert len(portal.calls(viewer)) == 1
    assert [row["outcome"] for row in portal.rows(viewer)] == [None, outcome]


def test_many_simultaneous_clicks_make_one_call(portal: TwoWorkers) -> None:
    viewer = portal.viewer()
    shown = click(portal.tabs(viewer, 4), "slow2")
    # One asks Zype, one in each worker may wait for it, and the rest are asked to try again.
    assert shown.count(Outcome.LINKED) in (2, 3)
    assert shown.count(Outcome.LINKED) + shown.count(Outcome.UNAVAILABLE) == 8
    assert len(portal.calls(viewer)) == 1
    assert [row["outcome"] for row in portal.rows(viewer)] == [None, Outcome.LINKED]


def test_a_late_click_on_another_worker_shows_the_success(portal: TwoWorkers) -> None:
    viewer = portal.viewer()
    first, second = portal.tabs(viewer, 1)
    tv = portal.sandbox.tv()
    assert first.enter_pin(tv.pin).outcome is Outcome.LINKED
    assert second.enter_pin(tv.pin).outcome is Outcome.LINKED
    assert tv.owner() == viewer.consumer_id
    assert [call["status"] for call in portal.calls(viewer)] == [200, 404]


def test_of_thirty_simultaneous_wrong_pins_only_as_many_as_the_limit_reach_zype(portal: TwoWorkers) -> None:
    viewer = portal.viewer()
    tabs = portal.tabs(viewer, PINS // 2)

    pins = [f"used{n}" for n in range(PINS)]
    shown = all_at_once(lambda pair: pair[0].enter_pin(pair[1]), list(zip(tabs, pins, strict=True)))

    outcomes = Counter(page.outcome for page in shown)
    # A viewer has few calls in flight in a worker at once: past that an attempt is unavailable and does not count.
    unavailable = outcomes.pop(Outcome.UNAVAILABLE, 0)
    assert LIMIT - unavailable <= len(portal.calls(viewer)) <= LIMIT
    assert outcomes == {
        Outcome.NOT_FOUND: len(portal.calls(viewer)),
        Outcome.TOO_MANY: PINS - unavailable - len(portal.calls(viewer)),
    }
    for page in shown:
        if page.status == 429:
            assert page.retry_after is not None
            assert 0 < page.retry_after <= 15 * 60


def test_the_limit_of_one_viewer_does_not_affect_another(portal: TwoWorkers) -> None:
    first, second = portal.viewer(), portal.viewer()
    for n in range(LIMIT):
        assert first.enter_pin(f"used{n}").outcome is Outcome.NOT_FOUND
    assert first.enter_pin("good1").outcome is Outcome.TOO_MANY
    assert second.enter_pin("good2").outcome is Outcome.LINKED
    assert len(portal.calls(first)) == LIMIT
    assert len(portal.calls(second)) == 1
