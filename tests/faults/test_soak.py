"""Many attempts at once while everything fails at random: no page, row or call contradicts another (``make soak``)."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from portal.database.migration import upgrade
from portal.domain.outcomes import Outcome
from portal.settings.loading import load
from tests.faults import faults
from tests.faults.agreement import documented
from tests.faults.soak import LIMITS, Soak, killed_worker, redis_gone, redis_hanging
from tests.harness import postgres, servers
from tests.harness.environment import live_environ
from tests.harness.faulty_proxy import faulty_proxy
from tests.harness.redis_server import Redis
from tests.harness.servers import Port
from tests.harness.simulated_zype import SimulatedZype
from tests.stories.workers import workers_of

ATTEMPTS = int(os.environ.get("SOAK_ATTEMPTS", "500"))
SEED = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(10**6))

pytestmark = pytest.mark.timeout(600)


@contextmanager
def log_elsewhere(folder: Path) -> Iterator[Path]:
    """Have the log written by another process: a database's full disk is not that of the log."""
    file, pipe = folder / "portal.log", folder / "serve.log"
    os.mkfifo(pipe)
    with file.open("wb") as output, subprocess.Popen(["cat", pipe], stdout=output):
        yield file


def soaked(
    environ: dict[str, str], port: Port, folder: Path, sandbox: SimulatedZype, redis: Redis, named: list[faults.Fault]
) -> None:
    """Serve a portal, let everything happen to it, and compare."""
    with ExitStack() as stack:
        proxy = stack.enter_context(faulty_proxy(sandbox.url, folder))
        given = {"PORTAL_ZYPE_API_URL": proxy.url, "PORTAL_REDIS_URL": redis.url, **LIMITS}
        environ = live_environ(environ | given)
        log = stack.enter_context(log_elsewhere(folder))
        serve = stack.enter_context(servers.processes(environ | {"SSL_CERT_FILE": str(proxy.bundle)}, port, folder))
        soak = Soak(SEED, proxy, sandbox, load(environ))
        serve_id = serve.process.pid

        def of_database(fault: faults.Fault) -> Callable[[], AbstractContextManager[None]]:
            return lambda: fault.inject(workers_of(serve_id))

        soak.run(
            port.url,
            ATTEMPTS,
            {
                "Zype refuses connections for a moment": proxy.refusing,
                "a worker is killed": killed_worker(serve_id),
                "Redis is gone": redis_gone(redis),
                "Redis hangs": redis_hanging(redis),
                **{fault.name: of_database(fault) for fault in named},
            },
        )
        sys.stdout.write(f"\n{environ['PORTAL_DATABASE_URL'].partition(':')[0]}: {soak.report()}\n")
        assert {Outcome.LINKED, Outcome.UNKNOWN, Outcome.UNAVAILABLE} <= {seen[-1] for seen in soak.shown}, (
            soak.report()
        )
        tracebacks = [line for line in log.read_text().splitlines() if '"unhandled' in line or "Traceback" in line]
        assert soak.contradictions() == [], "\n".join([soak.report(), *tracebacks])


@contextmanager
def on_sqlite(sqlite_template: Path, folder: Path) -> Iterator[tuple[str, list[faults.Fault]]]:
    """Yield a database, and how it fails."""
    url = f"sqlite:///{shutil.copy(sqlite_template, folder)}"
    yield url, [faults.locked(url), faults.full(url)]


@contextmanager
def on_postgresql(sqlite_template: Path, folder: Path) -> Iterator[tuple[str, list[faults.Fault]]]:
    """Yield a database of a server of its own, and how it fails."""
    with postgres.running() as cluster:
        cluster.create("portal")
        url = cluster.url("portal")
        upgrade(url)
        yield url, [faults.stopped(cluster, url), faults.read_only(cluster, url)]


# In the suite, PostgreSQL would take as long again.
DATABASES = (on_sqlite, on_postgresql) if "SOAK_ATTEMPTS" in os.environ else (on_sqlite,)


@pytest.mark.parametrize("database", DATABASES)
def test_no_page_row_or_call_contradicts_another(
    database: Callable[[Path, Path], AbstractContextManager[tuple[str, list[faults.Fault]]]],
    environ: dict[str, str],
    sqlite_template: Path,
    port: Port,
    tmp_path: Path,
    sandbox: SimulatedZype,
    redis_server: Redis,
) -> None:
    with database(sqlite_template, tmp_path) as (url, named):
        soaked(environ | {"PORTAL_DATABASE_URL": url}, port, tmp_path, sandbox, redis_server, named)


def test_the_table_of_what_fails_is_printed() -> None:
    assert documented()
    sys.stdout.write("\n".join(["", *(fault.row for fault in documented().values()), ""]))
