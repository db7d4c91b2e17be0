"""The commands of docs/operating.md for backup and restore, as they stand there, while links are written."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

import psycopg
import pytest
import sqlalchemy as sa

from portal.database.database import Database
from portal.database.migration import upgrade
from portal.domain.outcomes import Action, Outcome
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.ledger.tables import ledger as table
from portal.settings.keys import keyring
from portal.settings.loading import load
from tests.deployment.files import DEPLOY, ROOT
from tests.harness import postgres
from tests.harness.environment import SECRET_KEY
from tests.harness.ledger import actor
from tests.harness.postgres import Cluster
from tests.harness.programs import need
from tests.harness.timing import wait_until

ROLES = (
    "CREATE ROLE activate_owner LOGIN",
    "CREATE ROLE activate LOGIN",
    "CREATE DATABASE activate OWNER activate_owner",
)


def commands(heading: str) -> str:
    """Return the commands of a section of the page, one a line."""
    section = (ROOT / "docs/operating.md").read_text().partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    found = re.findall(r"^    (.+)$", section, re.MULTILINE)
    assert found, heading
    return "\n".join(found)


def run(script: str, folder: Path, **environ: str) -> str:
    """Run commands in a folder, as an operator whose PATH has zype-activate; return what they print."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "zype-activate").write_text(f'#!/bin/sh\nexec {quote(sys.executable)} -m portal "$@"\n')
    (programs / "zype-activate").chmod(0o700)
    path = f"{programs}:{os.environ['PATH']}:{Path(need('pg_dump')).parent}"
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", script],
        cwd=folder,
        env={"PATH": path, "PYTHONPATH": str(ROOT), "PORTAL_SECRET_KEY": SECRET_KEY, "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ledger_on(database: Database) -> Ledger:
    return Ledger(database, keyring(load({"PORTAL_SECRET_KEY": SECRET_KEY})))


@dataclass
class Links:
    """The attempts that have been written, with their outcome."""

    ended: list[str] = field(default_factory=list)

    def wait(self, more: int) -> None:
        """Return when so many more are written."""
        wanted = len(self.ended) + more
        wait_until(lambda: len(self.ended) >= wanted, "enough links are written", 20)


@contextmanager
def links(url: str) -> Iterator[Links]:
    """Write links while the block runs."""
    written, stop = Links(), threading.Event()
    database = Database(url, connections=2)

    def write() -> None:
        ledger = ledger_on(database)
        while not stop.wait(0.002):
            attempt = Attempt(Action.LINK, actor("alice"), "alice")
            ledger.begin(attempt)
            ledger.finish(attempt, Outcome.LINKED)
            written.ended.append(attempt.id)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()
        database.dispose()


def attempts_in(url: str) -> set[str]:
    database = Database(url, connections=1)
    with database.read() as connection:
        query = sa.select(table.c.attempt_id).where(table.c.outcome == Outcome.LINKED)
        found = set(connection.execute(query).scalars())
    database.dispose()
    return found


def back_up(heading: str, url: str, folder: Path, **environ: str) -> set[str]:
    """Run the commands of a section while links are written; return the attempts that had ended before."""
    with links(url) as written:
        written.wait(20)
        before = set(written.ended)
        run(commands(heading), folder, **environ)
        written.wait(20)
    return before


def restore(heading: str, folder: Path, environ: Mapping[str, str]) -> None:
    said = run(commands(heading), folder, **environ)
    assert re.search(r"^The ledger: \d+ rows checked, 0 faults$", said, re.MULTILINE), said
    assert "sessions ended" in said


def test_sqlite_is_backed_up_under_load_and_restored_elsewhere(tmp_path: Path) -> None:
    need("sqlite3")
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for folder in (here, elsewhere):
        folder.mkdir()
    url, new_url = (f"sqlite:///{folder}/portal.db" for folder in (here, elsewhere))
    upgrade(url)
    database = Database(url)
    with database.write() as connection:
        # As large as with years of links, so that more are written meanwhile.
        connection.exec_driver_sql("CREATE TABLE ballast AS SELECT zeroblob(100000000) AS years")
    database.dispose()

    before = back_up("Backup of SQLite", url, here)
    backup = here / "portal-backup.db"
    assert backup.stat().st_mode & 0o777 == 0o600
    backup.rename(elsewhere / backup.name)
    (elsewhere / "portal.db-wal").write_bytes(b"of another database")
    restore("Restore of SQLite", elsewhere, {"PORTAL_DATABASE_URL": new_url})

    restored = attempts_in(new_url)
    assert before <= restored < attempts_in(url)
    # The second is empty: where workers take turns.
    assert [file.name for file in sorted(elsewhere.glob("portal*"))] == ["portal.db", "portal.db-turn"]


def owned(cluster: Cluster, role: str) -> str:
    return cluster.url("activate").replace("portal@", f"{role}@")


@pytest.fixture
def two_servers() -> Iterator[tuple[Cluster, Cluster]]:
    """Two PostgreSQLs, each with the roles and an empty database."""
    with postgres.running() as here, postgres.running() as elsewhere:
        for cluster in (here, elsewhere):
            with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
                for statement in ROLES:
                    connection.execute(statement)
        yield here, elsewhere


def test_postgresql_is_backed_up_under_load_and_restored_elsewhere(
    two_servers: tuple[Cluster, Cluster], tmp_path: Path
) -> None:
    here, elsewhere = two_servers
    upgrade(owned(here, "activate_owner"))
    with psycopg.connect(here.conninfo("activate").replace("user=portal", "user=activate_owner")) as owner:
        owner.execute((DEPLOY / "grants.sql").read_text())

    def environ(cluster: Cluster) -> dict[str, str]:
        connection = psycopg.conninfo.conninfo_to_dict(cluster.conninfo())
        where = {"PGHOST": str(connection["host"]), "PGPORT": str(connection["port"]), "PGUSER": "activate_owner"}
        return where | {"PORTAL_DATABASE_URL": owned(cluster, "activate_owner")}

    url, new_url = owned(here, "activate"), owned(elsewhere, "activate")
    before = back_up("Backup of PostgreSQL", url, tmp_path, **environ(here))
    assert (tmp_path / "activate.dump").stat().st_mode & 0o777 == 0o600
    restore("Restore of PostgreSQL", tmp_path, environ(elsewhere))

    assert before <= attempts_in(new_url)
    with links(new_url) as written:
        written.wait(1)
    serving = Database(new_url, connections=1)
    with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
        serving.change(table.delete())
    serving.dispose()
    assert "0 faults" in run("zype-activate audit verify", tmp_path, **environ(elsewhere))
