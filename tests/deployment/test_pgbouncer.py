"""The portal behind PgBouncer in transaction mode, where each transaction may get another connection to PostgreSQL."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from portal.commands.check import findings
from portal.database.database import Database
from portal.database.engine import TimeLimits
from portal.database.migration import upgrade
from portal.database.schema import SchemaState, state_of
from portal.domain.outcomes import Outcome
from portal.settings.loading import load
from tests.fixtures import MakeServices
from tests.harness.people import Alice
from tests.harness.pgbouncer import pgbouncer
from tests.harness.postgres import Cluster
from tests.harness.servers import free_port
from tests.harness.simulated_zype import SimulatedZype
from tests.linking.attempts import link

CLIENTS = 6
SLEEP = sa.select(sa.func.pg_sleep(5))


@pytest.fixture
def pooled_url(postgresql_url: str) -> Iterator[str]:
    """A migrated database behind PgBouncer."""
    with pgbouncer(postgresql_url) as url:
        yield url


@pytest.fixture
def environ(environ: dict[str, str], pooled_url: str) -> dict[str, str]:
    """The settings of a portal that uses that database."""
    bind = f"127.0.0.1:{free_port()}"
    return environ | {"PORTAL_DATABASE_URL": pooled_url, "PORTAL_BIND": bind}


@pytest.fixture
def database(pooled_url: str) -> Iterator[Database]:
    """That database, which waits for half a second at most."""
    database = Database(pooled_url, limits=TimeLimits(lock_seconds=0.1, statement_seconds=0.5))
    yield database
    database.dispose()


def test_alice_links_her_tv_and_check_finds_no_fault(
    alice: Alice, sandbox: SimulatedZype, environ: dict[str, str]
) -> None:
    tv = sandbox.tv()
    alice.opens("/sign-in").signs_in()
    alice.opens("/activate").types_pin(tv.pin)
    assert alice.page.heading == "Your TV is linked"
    failed = [str(finding) for finding in findings(load(environ)) if not finding.is_ok]
    assert [line for line in failed if "mail" not in line] == []


def test_the_same_statements_run_again_and_again_by_more_clients_than_connections(database: Database) -> None:
    def work(number: int) -> int:
        for _ in range(10):
            with database.write() as connection:
                database.lock(connection, ["the same"])
                connection.execute(sa.select(sa.literal(number)))
            with database.read() as connection:
                connection.execute(sa.select(sa.literal(number)))
                prepared = connection.execute(sa.text("SELECT count(*) FROM pg_prepared_statements")).scalar()
                assert prepared == 0
        return number

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert [*pool.map(work, range(CLIENTS))] == [*range(CLIENTS)]


def test_time_limits_hold_and_nothing_is_left_on_the_connection(database: Database, pooled_url: str) -> None:
    with pytest.raises(OperationalError, match="statement timeout"), database.write() as connection:
        connection.execute(SLEEP)
    with pytest.raises(OperationalError, match="statement timeout"), database.read() as connection:
        connection.execute(SLEEP)
    with database.write() as holder:
        holder.execute(sa.text("LOCK TABLE pending"))
        with pytest.raises(DBAPIError, match="lock timeout"), database.read() as connection:
            connection.execute(sa.text("SELECT 1 FROM pending"))
    for _ in range(4):
        with psycopg.connect(pooled_url.replace("+psycopg", "")) as connection:
            for name in ("statement_timeout", "lock_timeout"):
                assert connection.execute(f"SHOW {name}").fetchone() == ("0",)


def test_the_schema_is_made_through_it(pooled_url: str, postgres_cluster: Cluster) -> None:
    postgres_cluster.create("fresh")
    url = make_url(pooled_url).set(database="fresh").render_as_string(hide_password=False)
    for _ in range(2):
        upgrade(url)
    database = Database(url)
    assert state_of(database) is SchemaState.CURRENT
    database.dispose()


def test_a_limit_holds_for_simultaneous_attempts(make_services: MakeServices) -> None:
    services = make_services(limit_viewer="3/day")
    with ThreadPoolExecutor(CLIENTS) as pool:
        found = Counter(pool.map(lambda number: link(services, f"wrong{number}"), range(2 * CLIENTS)))
    assert found == {Outcome.NOT_FOUND: 3, Outcome.TOO_MANY: 2 * CLIENTS - 3}
