"""Measures whether the portal is as fast with years of rows as with none: ``python -m tests.benchmarks.growth``.

The same units of work run on a filled and on an empty database in turn, in one process, with every commit on the disk.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from limits import parse

from portal.database.database import Database
from portal.database.migration import upgrade
from portal.database.sessions import sessions
from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action, Outcome
from portal.ledger.attempt_query import NO_OUTCOME, AttemptFilter
from portal.ledger.attempts import Attempt
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.ledger.limits import Limit, address_limits
from portal.mail.outbox import Outbox
from portal.mail.queueing import queue_notice
from portal.settings.keys import Keyring, LedgerKey
from tests.benchmarks.grown_database import VIEWERS, Size, grow, session_hash, viewer_id
from tests.benchmarks.growth_plot import draw
from tests.harness import postgres
from tests.harness.run_folder import make_run_folder, remove_run_folder

KEYRING = Keyring(LedgerKey(b"a key for the benchmark of growth"))
LIMITS = (
    Limit(("consumer_id",), (parse("5/15minutes"), parse("20/day")), group_by=("actor_kind",)),
    *address_limits((parse("200/15minutes"),)),
)
JOIN_WITHIN = timedelta(seconds=60)
# In each round so many of each unit, on one database and then on the other.
LINKS, OTHERS = 100, 20
SERVER = ("shared_buffers=1GB", "max_wal_size=4GB", "maintenance_work_mem=512MB")
PICTURE = Path("docs/img/growth.svg")

Milliseconds = list[float]


@dataclass(frozen=True)
class Units:
    """The units of work that are timed, on one database."""

    database: Database
    random: Random

    def all(self) -> Mapping[str, Callable[[], object]]:
        """Return each unit by its name, the link first."""
        history = History(self.database)
        return {
            "link": self._link,
            "session": self._find_session,
            "history": lambda: history.page(AttemptFilter()),
            "history of a viewer": lambda: history.page(AttemptFilter(viewer=self._viewer())),
            "history, rare outcome": lambda: history.page(AttemptFilter(outcome=Outcome.MISCONFIGURED)),
            "history, none was written": lambda: history.page(AttemptFilter(outcome=NO_OUTCOME)),
            "mailer's take": Outbox(self.database).claim,
        }

    def _link(self) -> None:
        ledger = Ledger(self.database, KEYRING, on_outcome=queue_notice)
        consumer_id = self._viewer()
        address = f"198.51.{self.random.randrange(256)}.{self.random.randrange(256)}"
        actor = Actor(ActorKind.VIEWER, consumer_id, address, secrets.token_hex(16))
        attempt = Attempt(Action.LINK, actor, consumer_id, pin_fingerprint=secrets.token_hex(32))
        ledger.begin(attempt, LIMITS, join_within=JOIN_WITHIN)
        ledger.finish(attempt, Outcome.LINKED, milliseconds=40)

    def _find_session(self) -> None:
        found = sa.select(sessions).where(sessions.c.id_hash == session_hash(self.random.randrange(1, 1_000_000)))
        with self.database.read() as connection:
            connection.execute(found).one_or_none()

    def _viewer(self) -> str:
        return viewer_id(self.random.randrange(VIEWERS))


def measure(empty: Database, grown: Database, rounds: int) -> dict[str, tuple[Milliseconds, Milliseconds]]:
    """Return how long each unit took, on the empty and on the grown database."""
    units = [Units(database, Random(7)).all() for database in (empty, grown)]
    times: dict[str, tuple[Milliseconds, Milliseconds]] = {name: ([], []) for name in units[0]}
    for number in range(rounds):
        for name in times:
            for which in ((0, 1), (1, 0))[number % 2]:
                for _ in range(LINKS if name == "link" else OTHERS):
                    started = time.perf_counter()
                    units[which][name]()
                    times[name][which].append((time.perf_counter() - started) * 1000)
    return times


def quantile(values: Milliseconds, share: float) -> float:
    """Return the value that this share of all values is not above."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def report(name: str, times: Mapping[str, tuple[Milliseconds, Milliseconds]]) -> Iterator[str]:
    """Yield a line of a table for each unit."""
    for unit, (empty, grown) in times.items():
        p50, p99 = ([quantile(values, share) for values in (empty, grown)] for share in (0.5, 0.99))
        ratios = f"{p50[1] / p50[0]:.2f} | {p99[1] / p99[0]:.2f}"
        yield f"| {name} | {unit} | {p50[0]:.2f} / {p50[1]:.2f} | {p99[0]:.2f} / {p99[1]:.2f} | {ratios} |\n"


@contextmanager
def on_sqlite(folder: Path, filled: str | None) -> Iterator[tuple[str, str]]:
    """Yield the addresses of a new database and of one to fill, or that is filled already."""
    yield f"sqlite:///{folder / 'empty.db'}", filled or f"sqlite:///{folder / 'grown.db'}"


@contextmanager
def on_postgresql(folder: Path, filled: str | None) -> Iterator[tuple[str, str]]:
    """Yield the same on a PostgreSQL of its own, whose commits are on the disk."""
    if filled:
        yield filled.replace("grown", "empty"), filled
        return
    make_run_folder(None)
    try:
        with postgres.running(SERVER) as cluster:
            for name in ("empty", "grown"):
                cluster.create(name)
            yield cluster.url("empty"), cluster.url("grown")
    finally:
        remove_run_folder()


def fill(url: str, size: Size) -> None:
    """Make the schema of a database, and fill it. Nothing of it has to outlive a crash."""
    upgrade(url)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-500000") if is_sqlite else ():
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        grow(connection, size)
        connection.exec_driver_sql("PRAGMA journal_mode=WAL" if is_sqlite else "VACUUM (FREEZE, ANALYZE)")
    engine.dispose()


def main() -> None:
    """Fill, measure, and print the table; draw the picture of links."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the ledger; a tenth are sessions")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sqlite", help="the address of a database that is filled already")
    parser.add_argument("--postgresql", help="the same")
    arguments = parser.parse_args()
    size = Size(arguments.rows, arguments.rows // 10, arguments.rows // 100)
    links: dict[str, tuple[Milliseconds, Milliseconds]] = {}
    sys.stdout.write("| | unit | p50, empty / grown, ms | p99 | p50, ratio | p99, ratio |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- |\n")
    for name, place in (("SQLite", on_sqlite), ("PostgreSQL", on_postgresql)):
        filled = vars(arguments)[name.lower()]
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="portal-growth-")))
            empty_url, grown_url = stack.enter_context(place(folder, filled))
            upgrade(empty_url)
            if not filled:
                fill(grown_url, size)
            databases = [Database(url) for url in (empty_url, grown_url)]
            for database in databases:
                stack.callback(database.dispose)
            measure(*databases, rounds=1)
            times = measure(*databases, rounds=arguments.rounds)
        links[name] = times["link"]
        sys.stdout.writelines(report(name, times))
        sys.stdout.flush()
    draw(links, PICTURE, size.ledger)


if __name__ == "__main__":
    main()
