"""Ways in which a database fails while the portal uses it; each happens to the portal's real processes."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from psycopg import sql
from sqlalchemy import make_url

from tests.harness.postgres import Cluster

NO_LIMIT = resource.RLIM_INFINITY


class Inject(Protocol):
    """Makes the database of a portal fail while a block runs, given the process ids of the portal's workers."""

    def __call__(self, workers: list[int]) -> AbstractContextManager[None]:
        """Make it fail at the start of the block, and repair it at the end."""
        ...


@dataclass(frozen=True)
class Fault:
    """A database, and how it fails.

    Args:
        name: what fails, in the words of the table in docs/operating.md.
        url: of the database.
        inject: makes it fail while a block runs.
        log_text: is in the log then.
        is_readable: whether pages that only read still work.
    """

    name: str
    url: str
    inject: Inject
    log_text: str
    is_readable: bool


def locked(url: str) -> Fault:
    """Another process keeps writing, for longer than the time limit."""

    @contextmanager
    def lock(workers: list[int]) -> Iterator[None]:
        with closing(sqlite3.connect(_file(url), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    return Fault("SQLite is locked", url, lock, "database is locked", is_readable=True)


def full(url: str) -> Fault:
    """No file of the portal's workers can grow, as on a full disk."""

    @contextmanager
    def fill(workers: list[int]) -> Iterator[None]:
        size = _file(f"{url}-wal").stat().st_size
        _limit(workers, size)
        yield
        _limit(workers, NO_LIMIT)

    return Fault("The disk under SQLite is full", url, fill, "disk I/O error", is_readable=True)


def read_only(cluster: Cluster, url: str) -> Fault:
    """PostgreSQL refuses to write, as a replica does."""
    name = sql.Identifier(make_url(url).database or "")

    @contextmanager
    def forbid(workers: list[int]) -> Iterator[None]:
        cluster.run(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
        _end_connections(cluster, url)
        yield
        cluster.run(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
        _end_connections(cluster, url)

    return Fault("PostgreSQL is read-only", url, forbid, "read-only transaction", is_readable=True)


def stopped(cluster: Cluster, url: str) -> Fault:
    """PostgreSQL is stopped, and later started again."""

    @contextmanager
    def stop(workers: list[int]) -> Iterator[None]:
        cluster.stop()
        yield
        cluster.start()

    return Fault("PostgreSQL is stopped", url, stop, "onnection refused", is_readable=False)


def _end_connections(cluster: Cluster, url: str) -> None:
    """End the portal's connections, since the settings of a database apply to new ones only, and wait for their end."""
    name = sql.Literal(make_url(url).database)
    end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = {}"
    cluster.run(sql.SQL(end).format(name))


def _limit(processes: list[int], size: int) -> None:
    """Let no file of these processes grow beyond a size in bytes."""
    for process in processes:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, NO_LIMIT))


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
