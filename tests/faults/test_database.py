"""A database that is locked, full, read-only or gone: nothing is sent to Zype, and the log says why."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.database.migration import upgrade
from portal.domain.outcomes import Outcome
from portal.settings.settings import Settings
from tests.faults import faults
from tests.faults.faults import Fault
from tests.harness import postgres
from tests.harness.cast import Alice, Mallory
from tests.harness.page import PageClient
from tests.harness.servers import Processes
from tests.harness.simulated_zype import SimulatedZype
from tests.stories.ledger_rows import rows_of
from tests.stories.workers import workers_of

SECONDS = 10.0


@pytest.fixture
def locked(sqlite_url: str) -> Fault:
    """SQLite, locked by another process."""
    return faults.locked(sqlite_url)


@pytest.fixture
def full(sqlite_url: str) -> Fault:
    """SQLite, on a full disk."""
    return faults.full(sqlite_url)


@pytest.fixture
def read_only(postgres_cluster: postgres.Cluster, postgresql_url: str) -> Fault:
    """PostgreSQL that takes no writes."""
    return faults.read_only(postgres_cluster, postgresql_url)


@pytest.fixture
def stopped() -> Iterator[Fault]:
    """A PostgreSQL of this test's own, which stops."""
    with postgres.running() as cluster:
        cluster.create("portal")
        url = cluster.url("portal")
        upgrade(url)
        yield faults.stopped(cluster, url)


@pytest.fixture(params=["locked", "full", "read_only", "stopped"])
def fault(request: pytest.FixtureRequest) -> Fault:
    """Each of them."""
    fault: Fault = request.getfixturevalue(request.param)
    return fault


@pytest.fixture
def environ(environ: dict[str, str], fault: Fault) -> dict[str, str]:
    """A portal on the database that will fail."""
    return environ | {"PORTAL_DATABASE_URL": fault.url}


@pytest.fixture
def alice(processes: Processes, browse_over_http: Callable[[str], PageClient]) -> Alice:
    """Alice, signed in while all was well."""
    return Alice(browse_over_http(processes.url)).signs_in()


@pytest.fixture
def mallory(processes: Processes, browse_over_http: Callable[[str], PageClient]) -> Mallory:
    """Mallory, who is about to sign in."""
    return Mallory(browse_over_http(processes.url)).opens("/sign-in")


def lines(log: str, event: str) -> list[dict[str, str]]:
    """Return the lines of a log about an event."""
    found = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == event]


def test_nothing_is_sent_to_zype_and_all_is_well_again_with_the_database(
    fault: Fault,
    processes: Processes,
    alice: Alice,
    mallory: Mallory,
    sandbox: SimulatedZype,
    settings: Settings,
) -> None:
    tv = sandbox.tv()
    alice.opens("/activate")
    before = len(processes.log())
    with fault.breaks(workers_of(processes.process.pid)):
        alice.types_pin(tv.pin, 503)
        assert int(alice.page.header("Retry-After")) > 0
        if fault.can_be_read:
            assert "nothing has changed" in alice.page.summary
            assert alice.page.value("#pin") == tv.pin
        mallory.signs_in(status=503)
        alice.browser.get("/healthz")
        alice.browser.get("/activate", 200 if fault.can_be_read else 503)
        alice.browser.get("/readyz", 200 if fault.can_be_read else 503)
    said = lines(processes.log()[before:], "ledger_failed" if fault.can_be_read else "database_failed")
    assert said
    assert all(line["level"] == "error" for line in said)
    assert fault.said in json.dumps(said)
    assert sandbox.record() == []
    assert not tv.is_linked()

    mallory.opens("/sign-in").signs_in()
    alice.opens("/activate").types_pin(tv.pin)
    assert alice.page.heading == "Your TV is linked"
    assert tv.greeting() == "Alice"
    assert [row["outcome"] for row in rows_of(settings)] == [None, Outcome.LINKED]


def test_what_zype_said_is_shown_and_logged_where_the_outcome_can_not_be_written(
    fault: Fault, processes: Processes, alice: Alice, sandbox: SimulatedZype, settings: Settings
) -> None:
    alice.opens("/activate")
    workers = workers_of(processes.process.pid)
    form = 'form[action="/activate"]'
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(alice.browser.submit, alice.page, form, 303, **{"pin": "slow1", "from": ""})
        deadline = time.monotonic() + SECONDS
        while not sandbox.record():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with fault.breaks(workers):
            assert sent.result(SECONDS).location == "/activate/done"
    assert [row["outcome"] for row in rows_of(settings)] == [None]
    said = lines(processes.log(), "ledger_failed")
    assert [(line["outcome"], line["level"]) for line in said] == [(Outcome.LINKED, "error")]
    assert [row["attempt_id"] for row in rows_of(settings)] == [said[0]["attempt_id"]]
