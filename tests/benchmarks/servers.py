"""Starts what is measured, each in a group of processes of its own on one core, and stops it by its process id."""

import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click
import psycopg

from tests.benchmarks.processes import megabytes, tree
from tests.harness import postgres
from tests.harness.commands import command_environ, run_command, start_python
from tests.harness.run_folder import make_run_folder, remove_run_folder
from tests.harness.servers import free_port

# The servers under test have the first core for themselves. All else is on the last.
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
START_SECONDS, STOP_SECONDS = 30.0, 3.0
WORKERS, THREADS = 2, 32
# Of the durable floor.
TABLE = "CREATE TABLE attempts (consumer_id text, pin text, outcome text)"
READ_TIMEOUT, DEADLINE = 8.0, 8.5
# Visitors who do one thing over and over send more in a minute than viewers do in a year.
NO_LIMITS = {
    f"PORTAL_LIMIT_{limit}": "10000000/minute" for limit in ("VIEWER", "AGENT", "LOOKUP", "ADDRESS", "SIGN_IN", "FLOOD")
}
# Each worker of the portal opens up to 36 connections, and each thread of the durable floor one.
POSTGRES = ("max_connections=300",)


@dataclass(frozen=True)
class Server:
    """A running server.

    Args:
        start_seconds: from its start until it answered.
        environ: its variables.
    """

    name: str
    port: int
    pid: int
    start_seconds: float
    environ: Mapping[str, str]

    def worker_megabytes(self) -> list[float]:
        """Return the memory of each process that the first one started."""
        return [megabytes(pid) for pid in tree(self.pid)[1:]]


@contextmanager
def running(
    name: str, command: Sequence[str], environ: Mapping[str, str], folder: Path, port: int, core: int = SERVER_CORE
) -> Iterator[Server]:
    """Run a server on one core while the block runs; yields it when it answers."""
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=command_environ(environ, folder),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        # What it starts later stays there too.
        os.sched_setaffinity(process.pid, {core})
        while not answers(port):
            if process.poll() is not None or time.perf_counter() - began > START_SECONDS:
                raise SystemExit(f"{name} did not start:\n{log.read_text()}")
            time.sleep(0.005)
        yield Server(name, port, process.pid, time.perf_counter() - began, environ)
    finally:
        if process.poll() is not None:
            click.echo(f"{name} ended by itself:\n{log.read_text()}", err=True)
        stop(process)


def answers(port: int) -> bool:
    """Tell whether a server on loopback answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        return True
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a server and all that it has started: by SIGTERM, and after some seconds by SIGKILL."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


@contextmanager
def stand_in(folder: Path) -> Iterator[Server]:
    """Run the stand-in for Zype while the block runs."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.zype_stand_in", str(port)]
    with running("zype", command, {}, folder, port, LOAD_CORE) as server:
        yield server


@contextmanager
def floor(name: str, database: str, zype: Server, folder: Path) -> Iterator[Server]:
    """Run the floor while the block runs.

    Args:
        database: what it commits to, as ``FLOOR_DATABASE`` names it; empty for the bare floor.
    """
    if database.startswith("/"):
        sqlite3.connect(database).execute(TABLE)
    elif database:
        with psycopg.connect(database) as connection:
            connection.execute(TABLE)
    port = free_port()
    environ = {"FLOOR_UPSTREAM": url(zype), "FLOOR_DATABASE": database}
    gunicorn = ("gunicorn", "-b", f"127.0.0.1:{port}", "-w", str(WORKERS), "-k", "gthread", "--threads", str(THREADS))
    options = ("--keep-alive", "75", "--log-level", "warning", "tests.benchmarks.floor_app:app")
    with running(name, [sys.executable, "-m", *gunicorn, *options], environ, folder, port) as server:
        yield server


@contextmanager
def portal(
    name: str, database_url: str, zype: Server, folder: Path, limits: Mapping[str, str] = NO_LIMITS
) -> Iterator[Server]:
    """Run the portal as an operator does while the block runs: ``zype-activate serve``, with everything on."""
    port = free_port()
    environ = {
        "PORTAL_MODE": "live",
        "PORTAL_SECRET_KEY": "a-key-of-a-benchmark-" + "0" * 43,
        "PORTAL_BIND": f"127.0.0.1:{port}",
        "PORTAL_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORTAL_METRICS_BIND": f"127.0.0.1:{free_port()}",
        "PORTAL_WORKERS": str(WORKERS),
        "PORTAL_THREADS": str(THREADS),
        "PORTAL_DATABASE_URL": database_url,
        "PORTAL_ZYPE_API_URL": url(zype),
        "PORTAL_ZYPE_LOGIN_URL": url(zype),
        "PORTAL_ZYPE_API_KEY": "key",
        "PORTAL_ZYPE_CLIENT_ID": "client",
        "PORTAL_ZYPE_CLIENT_SECRET": "secret",
        "PORTAL_ZYPE_READ_TIMEOUT": str(READ_TIMEOUT),
        "PORTAL_SIGN_IN": "password",
        **limits,
    }
    upgraded = run_command(["db", "upgrade"], environ, folder, start_python)
    if upgraded.returncode:
        raise SystemExit(upgraded.stderr)
    with running(name, [sys.executable, "-m", "portal", "serve"], environ, folder, port) as server:
        yield server


@contextmanager
def postgresql() -> Iterator[postgres.Cluster]:
    """Run a PostgreSQL that loses nothing, on the core of the load."""
    make_run_folder(None)
    with ExitStack() as stack:
        stack.callback(remove_run_folder)
        yield stack.enter_context(postgres.running(POSTGRES))


def url(server: Server) -> str:
    """Return a server's origin."""
    return f"http://127.0.0.1:{server.port}"
