"""A database that is locked, full, read-only or gone: nothing is sent to Zype, and the log says why."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from portal.database.engine import TimeLimits
from portal.database.migration import upgrade
from portal.domain.outcomes import Outcome
from portal.settings.settings import Settings
from tests.faults import faults
from tests.faults.agreement import NO_ROW, PENDING, Agreement, words_of
from tests.faults.faults import Fault
from tests.harness import postgres
from tests.harness.faulty_zype import holding
from tests.harness.page import PageClient
from tests.harness.people import Alice, Mallory
from tests.harness.servers import Processes
from tests.harness.simulated_zype import TV, SimulatedZype
from tests.stories.ledger_rows import rows_of
from tests.stories.workers import workers_of

SECONDS = 10.0
# The fault after which a PIN whose outcome could not be written is sent again, which takes some seconds of waiting.
TRIED_AGAIN = "PostgreSQL is read-only"


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
    """A PostgreSQL of this test's own, to be stopped."""
    with postgres.running() as cluster:
        cluster.create("portal")
        url = cluster.url("portal")
        upgrade(url)
        yield faults.stopped(cluster, url)


@pytest.fixture(params=["locked", "full", "read_only", "stopped"])
def fault(request: pytest.FixtureRequest) -> Fault:
    """Each way to fail."""
    fault: Fault = request.getfixturevalue(request.param)
    return fault


@pytest.fixture
def environ(environ: dict[str, str], fault: Fault) -> dict[str, str]:
    """A portal on the database that will fail."""
    seconds = "1" if fault.name == TRIED_AGAIN else "5"
    return environ | {"PORTAL_DATABASE_URL": fault.url, "PORTAL_ZYPE_READ_TIMEOUT": seconds}


@pytest.fixture
def constants() -> dict[str, Any]:
    """Whoever waits for a lock gives up soon."""
    return {"portal.database.database.TIME_LIMITS": TimeLimits(lock_seconds=0.5)}


@pytest.fixture
def alice(processes: Processes, browse_over_http: Callable[[str], PageClient]) -> Alice:
    """Alice, who signed in while the database was well."""
    return Alice(browse_over_http(processes.url)).signs_in()


@pytest.fixture
def mallory(processes: Processes, browse_over_http: Callable[[str], PageClient]) -> Mallory:
    """Mallory, who is about to sign in."""
    return Mallory(browse_over_http(processes.url)).opens("/sign-in")


def log_lines(log: str, event: str) -> list[dict[str, str]]:
    """Return the lines of a log with an event."""
    parsed = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in parsed if line["event"] == event]


def test_no_call_goes_unrecorded_and_no_answer_is_hidden(
    fault: Fault, processes: Processes, alice: Alice, mallory: Mallory, sandbox: SimulatedZype, settings: Settings
) -> None:
    """One test, since starting the processes takes most of the time."""
    workers = workers_of(processes.process.pid)
    tv = sandbox.tv()
    seen = sends_nothing_while_attempts_can_not_be_written(fault, tv, workers, processes, alice, mallory, sandbox)
    again = links_again_when_the_database_is_back(tv, alice, mallory, settings)
    Agreement(fault.name, seen, NO_ROW, "nothing", again).check()
    shows_and_logs_an_outcome_that_can_not_be_written(fault, workers, processes, alice, sandbox, settings)


def sends_nothing_while_attempts_can_not_be_written(
    fault: Fault,
    tv: TV,
    workers: list[int],
    processes: Processes,
    alice: Alice,
    mallory: Mallory,
    sandbox: SimulatedZype,
) -> str:
    alice.opens("/activate")
    before = len(processes.log())
    # Each of them waits for SQLite's lock.
    with fault.inject(workers), ThreadPoolExecutor(1) as pool:
        refused = pool.submit(mallory.signs_in, status=503)
        alice.types_pin(tv.pin, 503)
        seen = words_of(alice.page)
        assert int(alice.page.header("Retry-After")) > 0
        if fault.is_readable:
            assert "nothing has changed" in alice.page.summary
            assert alice.page.value("#pin") == tv.pin
        refused.result(SECONDS)
        alice.browser.get("/healthz")
        alice.browser.get("/activate", 200 if fault.is_readable else 503)
        alice.browser.get("/readyz", 200 if fault.is_readable else 503)
    logged = log_lines(processes.log()[before:], "ledger_failed" if fault.is_readable else "database_failed")
    assert logged
    assert all(line["level"] == "error" for line in logged)
    assert fault.log_text in json.dumps(logged)
    assert sandbox.record() == []
    assert not tv.is_linked()
    return seen


def links_again_when_the_database_is_back(tv: TV, alice: Alice, mallory: Mallory, settings: Settings) -> str:
    mallory.opens("/sign-in").signs_in()
    alice.opens("/activate").types_pin(tv.pin)
    assert alice.page.heading == "Your TV is linked"
    assert tv.greeting() == "Alice"
    assert [row["outcome"] for row in rows_of(settings)] == [None, Outcome.LINKED]
    return Outcome.LINKED


def shows_and_logs_an_outcome_that_can_not_be_written(
    fault: Fault,
    workers: list[int],
    processes: Processes,
    alice: Alice,
    sandbox: SimulatedZype,
    settings: Settings,
) -> None:
    alice.opens("/activate")
    before = len(processes.log())
    with ThreadPoolExecutor(1) as pool, ExitStack() as until_answered:
        with holding(sandbox, "/pin/link") as arrived:
            link = pool.submit(
                alice.browser.submit, alice.page, 'form[action="/activate"]', 303, **{"pin": "good1", "from": ""}
            )
            assert arrived.wait(SECONDS)
            sent = time.monotonic()
            until_answered.enter_context(fault.inject(workers))
        assert link.result(SECONDS).location == "/activate/done"
    rows = rows_of(settings)
    assert [row["outcome"] for row in rows] == [None, Outcome.LINKED, None]
    logged = log_lines(processes.log()[before:], "ledger_failed")
    assert [(line["outcome"], line["level"]) for line in logged] == [(Outcome.LINKED, "error")]
    assert logged[0]["attempt_id"] == rows[-1]["attempt_id"]
    assert sandbox.record()[-1]["done"]
    seen = words_of(alice.opens("/activate/done").page)
    again = None
    if fault.name == TRIED_AGAIN:
        # Until then it may be under way in another worker.
        time.sleep(max(0.0, sent + settings.zype_deadline + 1 - time.monotonic()))
        alice.opens("/activate").types_pin("good1")
        again = rows_of(settings)[-1]["outcome"]
    Agreement("The database fails during the call", seen, PENDING, "linked", again).check()
