"""Ways in which a database fails while the portal is using it; each is real for the portal's processes."""

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


class Break(Protocol):
    """Breaks the database of a portal while a block runs, given the process ids of the portal's workers."""

    def __call__(self, workers: list[int]) -> AbstractContextManager[None]:
        """Break it at the start of the block, and mend it at the end."""
        ...


@dataclass(frozen=True)
class Fault:
    """A database, and what becomes of it.

    Args:
        url: where the portal finds it.
        breaks: for the length of a block.
        said: what the log has to say then.
        can_be_read: whether pages that only read go on.
    """

    url: str
    breaks: Break
    said: str
    can_be_read: bool


def locked(url: str) -> Fault:
    """Another process is writing, for longer than anyone should wait."""

    @contextmanager
    def lock(workers: list[int]) -> Iterator[None]:
        with closing(sqlite3.connect(_file(url), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    return Fault(url, lock, "database is locked", can_be_read=True)


def full(url: str) -> Fault:
    """No file of the portal's workers may grow, as on a disk that is full."""

    @contextmanager
    def fill(workers: list[int]) -> Iterator[None]:
        size = _file(f"{url}-wal").stat().st_size
        _limit(workers, size)
        yield
        _limit(workers, NO_LIMIT)

    return Fault(url, fill, "disk I/O error", can_be_read=True)


def read_only(cluster: Cluster, url: str) -> Fault:
    """PostgreSQL takes no writes, as a replica does, and as an operator may set it to."""
    name = sql.Identifier(make_url(url).database or "")

    @contextmanager
    def forbid(workers: list[int]) -> Iterator[None]:
        cluster.run(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
        _end_connections(cluster, url)
        yield
        cluster.run(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
        _end_connections(cluster, url)

    return Fault(url, forbid, "read-only transaction", can_be_read=True)


def stopped(cluster: Cluster, url: str) -> Fault:
    """PostgreSQL is stopped, and started again later."""

    @contextmanager
    def stop(workers: list[int]) -> Iterator[None]:
        cluster.stop()
        yield
        cluster.start()

    return Fault(url, stop, "onnection refused", can_be_read=False)


def _end_connections(cluster: Cluster, url: str) -> None:
    """End the portal's connections: what a database is set to holds for new ones."""
    name = sql.Literal(make_url(url).database)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}"
    cluster.run(sql.SQL(end).format(name))


def _limit(processes: list[int], size: int) -> None:
    """Let no file of some processes grow beyond a size in bytes; what they have written stays."""
    for process in processes:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, NO_LIMIT))


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
