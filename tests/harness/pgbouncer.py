"""A real PgBouncer in transaction mode in front of a PostgreSQL of the tests."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from tests.harness.postgres import unprivileged
from tests.harness.programs import need
from tests.harness.servers import free_port

START_SECONDS = 10.0
# Fewer than the clients, so that a client gets another connection to the server from one transaction to the next.
SERVER_CONNECTIONS = 2
# As Debian has it, but for the mode: nothing that clients send is ignored.
CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pidfile = {folder}/pid
pool_mode = transaction
default_pool_size = {connections}
"""


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """Run it while the block runs, and yield the address of the same database behind it."""
    server, port = make_url(url), free_port()
    folder = Path(tempfile.mkdtemp(prefix="portal-pgbouncer-"))
    program = need("pgbouncer", "/usr/sbin/pgbouncer")
    text = CONFIGURATION.format(server_port=server.port, port=port, folder=folder, connections=SERVER_CONNECTIONS)
    (folder / "configuration").write_text(text)
    (folder / "users").write_text(f'"{server.username}" ""\n')
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, folder / "configuration"],
            env={"PATH": os.defpath},
            stdout=log,
            stderr=log,
            **unprivileged(folder),
        )
    try:
        behind = server.set(port=port).render_as_string(hide_password=False)
        _wait(behind, process, folder / "log")
        yield behind
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url.replace("+psycopg", ""), connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            has_failed = process.poll() is not None or time.monotonic() > deadline
            assert not has_failed, f"PgBouncer did not start:\n{log.read_text()}"
            time.sleep(0.05)
