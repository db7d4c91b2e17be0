"""A real PostgreSQL of its own for a run of the tests, and databases in it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.harness.programs import need
from tests.harness.run_folder import only_one
from tests.harness.servers import free_port
from tests.harness.starting import wait_until_it_answers

# Nothing of a test outlives it, so nothing has to reach the disk.
CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Cluster:
    """A PostgreSQL.

    Args:
        port: on loopback; the role ``portal`` needs no password.
        log: the file that its server writes to.
        launch: starts its server.
    """

    def __init__(self, port: int, log: Path, launch: Callable[[], subprocess.Popen[bytes]]) -> None:
        self._port = port
        self._log = log
        self._launch = launch
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and return when it answers."""
        self._process = self._launch()
        wait_until_it_answers(self._process, lambda: lets_in(self.conninfo()), self._log.read_text)

    def stop(self) -> None:
        """Stop the server and every connection to it, if it is running."""
        if self._process is not None:
            # SIGTERM would wait for every connection of a pool to end by itself.
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=10)
            self._process = None

    @property
    def pid(self) -> int:
        """The process id of its server, which has started all others."""
        assert self._process
        return self._process.pid

    def url(self, name: str) -> str:
        """Return a database's address as PORTAL_DATABASE_URL wants it."""
        return f"postgresql+psycopg://portal@127.0.0.1:{self._port}/{name}"

    def create(self, name: str, template: str = "template1") -> None:
        """Create a database as a copy of another, which nobody may be using."""
        self.run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(*map(sql.Identifier, (name, template)))
        )

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still using it."""
        self.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def run(self, statement: sql.Composed) -> None:
        """Run a statement in the cluster's own database."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            connection.execute(statement)

    def conninfo(self, name: str = "postgres") -> str:
        """Return a database's address in libpq's form."""
        return f"host=127.0.0.1 port={self._port} user=portal dbname={name} connect_timeout=3"


def lets_in(conninfo: str) -> bool:
    """Tell whether a server lets a client into a database."""
    with suppress(psycopg.OperationalError):
        psycopg.connect(conninfo, connect_timeout=3).close()
        return True
    return False


@contextmanager
def running(settings: Sequence[str] = CARELESS) -> Iterator[Cluster]:
    """Run a PostgreSQL while the block runs; it drops root, under which PostgreSQL refuses to start.

    Args:
        settings: as in its configuration file, in the place of those for tests.
    """
    postgres = need("postgres")
    # Not pytest's own folder: that one is closed to every other user.
    folder = Path(tempfile.mkdtemp(prefix="portal-postgres-"))
    options: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.defpath, "LC_ALL": "C", "HOME": str(folder)}}
    options |= unprivileged(folder)
    data = folder / "data"
    try:
        _fill(data, options)
        port = free_port()
        given = (f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", *settings)
        words = [word for setting in given for word in ("-c", setting)]

        def launch() -> subprocess.Popen[bytes]:
            with (folder / "log").open("a") as log:
                return subprocess.Popen([postgres, "-D", data, *words], stderr=log, **options)

        cluster = Cluster(port, folder / "log", launch)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(data: Path, options: dict[str, Any]) -> None:
    """Make the folder of a new cluster. The first of a run is kept, to be copied: initdb takes more than a second."""
    command: list[str | Path] = [need("initdb"), "-D", data, "-U", "portal", "-A", "trust", "-E", "UTF8", "--no-sync"]
    with only_one("postgres") as kept:
        if not kept.exists():
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
            shutil.copytree(data, kept)
            return
    shutil.copytree(kept, data)
    if "user" in options:
        for path in (data, *data.rglob("*")):
            os.chown(path, options["user"], options["group"])


def unprivileged(folder: Path) -> dict[str, Any]:
    """Return the options with which a program runs as another account than root, and give that one the folder."""
    if os.geteuid() != 0:
        return {}
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = known.get("postgres") or known["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
