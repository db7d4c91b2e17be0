"""A real PostgreSQL of its own for a run of the tests, and an empty or a copied database for each test."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.counterparts import need
from tests.servers import free_port

START_SECONDS = 30.0
# Nothing of a test outlives it, so nothing has to reach the disk.
CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Cluster:
    """A running PostgreSQL.

    Args:
        port: on loopback; the role ``portal`` needs no password.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count(1)

    def url(self, name: str) -> str:
        """Return a database's address as PORTAL_DATABASE_URL wants it."""
        return f"postgresql+psycopg://portal@127.0.0.1:{self._port}/{name}"

    def create(self, name: str, template: str = "template1") -> None:
        """Create a database as a copy of another, which nobody may be using."""
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template))))

    @contextmanager
    def copy_of(self, template: str) -> Iterator[str]:
        """Yield the name of a copy of a database; at the end it is dropped, whoever is still using it."""
        name = f"test_{next(self._numbers)}"
        self.create(name, template)
        try:
            yield name
        finally:
            self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement)

    @property
    def conninfo(self) -> str:
        """Where its own database is, in libpq's form."""
        return f"host=127.0.0.1 port={self._port} user=portal dbname=postgres connect_timeout=3"


@contextmanager
def running() -> Iterator[Cluster]:
    """Run a PostgreSQL while the block runs; it drops root, under which PostgreSQL refuses to start."""
    initdb, postgres = need("initdb"), need("postgres")
    # Not pytest's own folder: that one is closed to every other user.
    folder = Path(tempfile.mkdtemp(prefix="portal-postgres-"))
    options: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.defpath, "LC_ALL": "C", "HOME": str(folder)}}
    options |= _unprivileged(folder)
    data = folder / "data"
    try:
        command: list[str | Path] = [initdb, "-D", data, "-U", "portal", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
        port = free_port()
        given = (f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", *CARELESS)
        settings = [word for setting in given for word in ("-c", setting)]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([postgres, "-D", data, *settings], stderr=log, **options)
        try:
            cluster = Cluster(port)
            _wait(cluster, process, folder / "log")
            yield cluster
        finally:
            # SIGTERM would wait for every connection of a pool to end by itself.
            process.send_signal(signal.SIGINT)
            process.wait(timeout=10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged(folder: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = known.get("postgres") or known["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _wait(cluster: Cluster, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(cluster.conninfo).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
