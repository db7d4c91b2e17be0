"""A real PgBouncer in transaction mode in front of a PostgreSQL of the tests."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from tests.harness.postgres import lets_in, unprivileged
from tests.harness.programs import need
from tests.harness.servers import free_port
from tests.harness.starting import wait_until_it_answers

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
        conninfo = behind.replace("+psycopg", "")
        wait_until_it_answers(process, lambda: lets_in(conninfo), (folder / "log").read_text)
        yield behind
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)
